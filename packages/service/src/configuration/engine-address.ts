import { isHost } from './web-address.ts';

const MONGODB = /^mongodb(\+srv)?:\/\/(?:([^@/?]*)@)?([^@/?]*)(?:\/([^?]*))?(?:\?.*)?$/i;
const MONGODB_EXPECTED =
  'is not the address of a MongoDB: write mongodb://HOST:27017/gantry, or mongodb+srv://HOST/gantry';
const AMQP_EXPECTED =
  'is not the address of an AMQP broker: write amqps://HOST/VHOST, or amqp://HOST:5672 for one without TLS';
const ESCAPED = 'in a user, a password and a name "@" is written %40, "/" is %2F, "%" is %25';
/** What the names of a MongoDB's databases do not have. */
const NO_DATABASE = /[/\\. "$*<>:|?\0]/;
const DATABASE_MAX_LENGTH = 63;

/**
 * What is wrong with the address of a MongoDB (its connection string); undefined: nothing. It is no URL as the web has
 * them, as it may name several hosts.
 */
export function mongodbUrlProblem(text: string): string | undefined {
  if (!/^mongodb(?:\+srv)?:\/\//i.test(text)) return MONGODB_EXPECTED;
  const [matched, srv, user = '', hostList = '', database = ''] = MONGODB.exec(text) ?? [];
  if (matched === undefined) return `can not be read as the address of a MongoDB: ${ESCAPED}`;
  const hosts = hostList.split(',');
  if (!hosts.every(isHost)) return 'names no host, or one that can not be: write mongodb://HOST:27017/gantry';
  if (srv !== undefined && (hosts.length > 1 || /:\d+$/.test(hostList)))
    return 'has several hosts or a port, which mongodb+srv:// has not: write one name, which DNS knows the hosts of';
  const [decodedUser, decodedName] = [decoded(user), decoded(database)];
  if (decodedUser === undefined || decodedName === undefined)
    return `holds a "%" that stands for no character: ${ESCAPED}`;
  // Of a password with "/" and "@" the rest would be taken for host and database, and shown as such.
  if (database.includes('@')) return `has an "@" behind the host: ${ESCAPED}`;
  if (decodedName.length > DATABASE_MAX_LENGTH || NO_DATABASE.test(decodedName))
    return 'names a database that can not be: letters, digits, "_" and "-", 63 at the most';
  return undefined;
}

/** What is wrong with the address of an AMQP broker; undefined: nothing. */
export function amqpUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (!/^amqps?:\/\//i.test(text)) return AMQP_EXPECTED;
  if (text.includes('#')) return 'has a "#", which is %23 in a user or a password';
  if (text.includes('?'))
    return 'has parameters behind a "?", which Gantry does not read: leave them out; in a user or a password "?" is %3F';
  if (url === null || url.hostname === '') return `${AMQP_EXPECTED}; ${ESCAPED}`;
  if (url.pathname.includes('@')) return `has an "@" behind the host: ${ESCAPED}`;
  if (url.pathname.slice(1).includes('/'))
    return 'has more than a virtual host behind the host: "/" in it is %2F';
  if ([url.username, url.password, url.pathname].some((part) => decoded(part) === undefined))
    return `holds a "%" that stands for no character: ${ESCAPED}`;
  return undefined;
}

/** An engine's address as it may be shown: a password, and options that may be as good as one, are masked. */
export function showEngineUrl(text: string, mask: string): string {
  return text
    .replace(/^([^:]*:\/\/)([^/]*)@/, (_all, scheme: string, user: string) => {
      const at = user.indexOf(':');
      return at < 0 ? `${scheme}${user}@` : `${scheme}${user.slice(0, at)}:${mask}@`;
    })
    .replaceAll(
      /([?&][^=&]*(?:pass|secret|token|authMechanismProperties)[^=&]*=)[^&]*/gi,
      (_all, option: string) => `${option}${mask}`,
    );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
