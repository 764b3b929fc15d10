import type { AmqpPlace, Configuration, FolderPlace, S3Place } from './configuration.ts';
import { amqpUrlProblem, mongodbUrlProblem, showEngineUrl } from './engine-address.ts';
import { EMBEDDED_PLACES } from './engines.ts';
import type { ConfigurationFile } from './schema.ts';
import { fileSecret, literalSecret, MASK, type Secret, secretOf } from './secret.ts';
import type { FurtherTree } from './trees.ts';

/** Makes a path of the file absolute. */
export type Resolve = (relative: string) => string;

/** The engine of the store or of a tree. @param root where the folder is that nobody named */
export function completePlace(
  { s3, filesystem }: Pick<FurtherTree, 's3' | 'filesystem'>,
  key: string,
  root: string,
  at: Resolve,
): FolderPlace | S3Place {
  if (s3 === undefined) return { filesystem: { root: at(filesystem?.root ?? root) } };
  const { bucket, prefix, endpoint, region, forcePathStyle, accessKeyId } = s3;
  const { secretAccessKey, secretAccessKeyFile } = s3;
  return {
    s3: {
      bucket,
      ...(prefix !== undefined && prefix !== '' && { prefix: prefix.replace(/\/$/, '') }),
      ...(endpoint !== undefined && { endpoint: new URL(endpoint).href.replace(/\/+$/, '') }),
      ...(region !== undefined && { region }),
      ...(forcePathStyle !== undefined && { forcePathStyle }),
      ...(accessKeyId !== undefined && {
        credentials: {
          accessKeyId,
          secretAccessKey: secretOf(`${key}.s3.secretAccessKey`, secretAccessKey, secretAccessKeyFile, at),
        },
      }),
    },
  };
}

export function completeCatalog(
  { mongodb, sqlite }: ConfigurationFile['catalog'],
  at: Resolve,
): Configuration['catalog'] {
  if (mongodb === undefined) return { sqlite: { file: at(sqlite?.file ?? EMBEDDED_PLACES.catalog) } };
  return { mongodb: { url: urlOf('catalog.mongodb.url', mongodb, mongodbUrlProblem, at) } };
}

export function completeMessages(
  { amqp, embedded }: ConfigurationFile['messages'],
  at: Resolve,
): { embedded: { file: string } } | { amqp: AmqpPlace } {
  if (amqp === undefined) return { embedded: { file: at(embedded?.file ?? EMBEDDED_PLACES.messages) } };
  const { caFile, certFile, keyFile } = amqp.tls ?? {};
  return {
    amqp: {
      url: urlOf('messages.amqp.url', amqp, amqpUrlProblem, at),
      exchange: amqp.exchange,
      tls: {
        ...(caFile !== undefined && { caFile: at(caFile) }),
        ...(certFile !== undefined && { certFile: at(certFile) }),
        ...(keyFile !== undefined && { keyFile: at(keyFile) }),
      },
    },
  };
}

/** An address is a secret, as it may hold a password; without that it may be shown. */
function urlOf(
  key: string,
  { url, urlFile }: { readonly url?: string | undefined; readonly urlFile?: string | undefined },
  problem: (url: string) => string | undefined,
  at: Resolve,
): Secret {
  if (urlFile !== undefined) return fileSecret(`${key}File`, at(urlFile), problem);
  return literalSecret(key, url ?? '', showEngineUrl(url ?? '', MASK));
}
