import type { CatalogConfiguration } from '@gantry/catalog';
import type { MessagesConfiguration } from '@gantry/messages';
import type { Configuration, FolderPlace, S3Place } from '@gantry/service';
import type { StoreConfiguration } from '@gantry/store';

/**
 * Settings of an engine as its package takes them: secrets are read from their files now.
 * @throws Fault CONFIGURATION_INVALID for a file that can't be read or holds something else
 */
export async function placeSettings(place: FolderPlace | S3Place): Promise<StoreConfiguration> {
  if ('filesystem' in place) return { filesystem: place.filesystem };
  const { credentials, ...s3 } = place.s3;
  if (credentials === undefined) return { s3 };
  const { accessKeyId, secretAccessKey } = credentials;
  return { s3: { ...s3, credentials: { accessKeyId, secretAccessKey: await secretAccessKey.read() } } };
}

export async function catalogSettings(catalog: Configuration['catalog']): Promise<CatalogConfiguration> {
  if ('sqlite' in catalog) return { sqlite: catalog.sqlite };
  return { mongodb: { url: await catalog.mongodb.url.read() } };
}

export async function messagesSettings(messages: Configuration['messages']): Promise<MessagesConfiguration> {
  if ('embedded' in messages) return { embedded: messages.embedded };
  const { url, exchange, tls } = messages.amqp;
  return { amqp: { url: await url.read(), exchange, tls } };
}
