export * from './promote-service.ts';
