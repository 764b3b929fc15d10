export * from './client.ts';
export type { Clock } from './clock.ts';
export type { InProcessAuthentication } from './in-process/authentication.ts';
export * from './in-process/image-maker.ts';
export * from './in-process/in-process-registry.ts';
export * from './in-process/sample-images.ts';
export type { LayerFile } from './in-process/tar.ts';
export type { RegistryOptions, RequestKind, RequestReport, Timeouts } from './options.ts';
export type * from './registry.ts';
