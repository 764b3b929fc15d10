import { z } from 'zod';
import { amqpUrlProblem, mongodbUrlProblem } from './engine-address.ts';
import { checked, FilePath, SecretText, text } from './texts.ts';
import { webAddressProblem } from './web-address.ts';

/** Sections of which one engine is chosen. The first is the one where none is named. */
export const ENGINES = {
  storage: ['filesystem', 's3'],
  catalog: ['sqlite', 'mongodb'],
  messages: ['embedded', 'amqp'],
  tree: ['filesystem', 's3'],
} as const;

/** Where the embedded engines keep what they have, unless they are told. */
export const EMBEDDED_PLACES = {
  store: './data/store',
  catalog: './data/catalog.db',
  messages: './data/messages.db',
  tree: './data/tree',
} as const;

/** A folder. */
export const Filesystem = (root: string) =>
  z
    .strictObject({ root: FilePath.default(root) })
    .optional()
    .describe('A folder; this is the default engine');

/** A file of an embedded engine. */
export const EmbeddedFile = (file: string) =>
  z
    .strictObject({ file: FilePath.default(file) })
    .optional()
    .describe('A file; this is the default engine');

/** A bucket, or a part of one. */
export const S3 = z
  .strictObject({
    bucket: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$/, {
      error: 'is not the name of a bucket: 3 to 63 letters, digits, ".", "_" and "-"',
    }),
    prefix: z
      .string()
      .regex(/^(?:[a-zA-Z0-9!_.*'()-]+(?:\/[a-zA-Z0-9!_.*'()-]+)*\/?)?$/, {
        error:
          'is not a prefix: names of letters, digits, ".", "_" and "-", one "/" between them, none at the start',
      })
      .max(512, { error: 'is longer than 512 characters' })
      .refine((prefix) => !prefix.split('/').some((part) => part === '.' || part === '..'), {
        error: 'has "." or ".." as a part, which some servers take for a folder',
      })
      .optional()
      .describe('Goes before every key, as a folder does; absent: none'),
    endpoint: checked(webAddressProblem)
      .optional()
      .describe("The server's address; absent: AWS, by its region"),
    region: z
      .string()
      .regex(/^[a-zA-Z0-9-]{1,64}$/, { error: 'is not a region: write for instance eu-central-1' })
      .optional(),
    forcePathStyle: z
      .boolean()
      .optional()
      .describe('Whether the bucket stands in the path, and not before the host'),
    accessKeyId: text(128).optional(),
    secretAccessKey: SecretText.optional(),
    secretAccessKeyFile: FilePath.optional(),
  })
  .optional()
  .describe(
    "An S3 bucket. Without accessKeyId: the environment, or the instance's role, as the AWS SDK finds them",
  );

export const MongoDb = z
  .strictObject({
    url: checked(mongodbUrlProblem)
      .optional()
      .describe('mongodb:// or mongodb+srv://, with the database; gantry where it names none'),
    urlFile: FilePath.optional(),
  })
  .optional()
  .describe('A MongoDB: url or urlFile');

export const Amqp = z
  .strictObject({
    url: checked(amqpUrlProblem).optional().describe('amqp:// or amqps://'),
    urlFile: FilePath.optional(),
    exchange: z
      .string()
      .regex(/^[a-zA-Z0-9_.:-]{1,100}$/, {
        error: 'is not the name of an exchange: letters, digits, "_", ".", ":" and "-", 100 at the most',
      })
      .refine((name) => !name.startsWith('amq.'), {
        error: 'begins with amq., which the broker keeps for itself',
      })
      .default('gantry'),
    tls: z
      .strictObject({
        caFile: FilePath.optional(),
        certFile: FilePath.optional(),
        keyFile: FilePath.optional(),
      })
      .optional()
      .describe('For amqps://: who is trusted, and who we are'),
  })
  .optional()
  .describe('An AMQP 0-9-1 broker with quorum queues (RabbitMQ): url or urlFile');
