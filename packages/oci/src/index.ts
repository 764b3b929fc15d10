export * from './digest.ts';
export * from './faults.ts';
export * from './for-each-concurrently.ts';
export * from './graph.ts';
export * from './manifest.ts';
export * from './media-types.ts';
export * from './reference.ts';
export * from './strict-json.ts';
