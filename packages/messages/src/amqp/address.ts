import { Fault } from '@gantry/oci';
import type { Options } from 'amqplib';

const KEY = 'messages.amqp.url';

/** Where a broker is, and who we are there. */
export interface Address {
  readonly options: Options.Connect & { readonly hostname: string; readonly username: string };
  readonly vhost: string;
  readonly isTls: boolean;
  /** For messages: without the credentials. */
  readonly shown: string;
}

/**
 * Reads `amqp://USER:PASSWORD@HOST:PORT/VHOST` (https://www.rabbitmq.com/docs/uri-spec). Without a vhost it is `/`,
 * without credentials guest's.
 * @throws Fault CONFIGURATION_INVALID, which names what is wrong and nothing of the password
 */
export function parseAddress(text: string): Address {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') || url.hostname === '') {
    throw wrong('is not of the form amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS');
  }
  if (url.search !== '' || url.hash !== '') {
    throw wrong('has parameters after "?" or "#", which Gantry does not read: leave them out');
  }
  const isTls = url.protocol === 'amqps:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (isTls ? 5671 : 5672) : Number(url.port);
  const hasCredentials = url.username !== '' || url.password !== '';
  const vhost = url.pathname.length > 1 ? decoded(url.pathname.slice(1), 'vhost') : '/';
  return {
    options: {
      protocol: isTls ? 'amqps' : 'amqp',
      hostname,
      port,
      username: hasCredentials ? decoded(url.username, 'user') : 'guest',
      password: hasCredentials ? decoded(url.password, 'password') : 'guest',
      vhost: encodeURIComponent(vhost), // which amqplib decodes
    },
    vhost,
    isTls,
    shown: `${url.protocol}//${url.hostname}:${port}/${encodeURIComponent(vhost)}`,
  };
}

function decoded(text: string, what: string): string {
  if (text.includes('/')) throw wrong(`has a "/" in its ${what}: write it as %2F`);
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`has a "%" in its ${what} that is no percent-encoding: write it as %25`);
  }
}

function wrong(what: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${KEY} ${what}`, { key: KEY });
}
