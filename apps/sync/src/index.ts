export * from './run-sync.ts';
export * from './sync-service.ts';
