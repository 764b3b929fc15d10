export * from './promote-service.ts';
export type * from './api/known-source.ts';
