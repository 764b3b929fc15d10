export * from './sync-service.ts';
