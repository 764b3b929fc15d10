export { type S3Abilities } from './access.ts';
export { createS3Client, type S3Client } from './client.ts';
export { type S3Configuration } from './configuration.ts';
export { type PutOptions, type S3Listed, type S3Object, type S3Range, type Written } from './objects.ts';
export { type RetryPolicy } from './retry.ts';
export { type CallOptions } from './session.ts';
export { type CopySource, type S3Upload } from './uploads.ts';
