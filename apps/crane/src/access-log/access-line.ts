/** What is told of one request. */
export interface Access {
  /** When it was answered, in milliseconds since 1970. */
  readonly atMs: number;
  /** The client's address, if it is known. */
  readonly client: string | undefined;
  /** Of those that node:http knows. */
  readonly method: string;
  /** As it was sent. */
  readonly target: string;
  readonly status: number;
  /** Of the body, without headers. */
  readonly bytes: number;
  /** The mirror that a redirect names. */
  readonly mirror: string | undefined;
  readonly userAgent: string | undefined;
  /** From the request's head until its answer was handed to the system. */
  readonly durationUs: number;
}

const TARGET_SHOWN = 1024;
const USER_AGENT_SHOWN = 256;
/** What a query may ask of the crane. Anything else may be a credential that went astray, and is masked. */
const KNOWN_PARAMETERS: ReadonlySet<string> = new Set([
  'artifactType',
  'last',
  'mirrorlist',
  'n',
  'ns',
  'q',
  'repository',
  'serial',
]);

/**
 * One line of the access log: a JSON object of ASCII characters without its line break. Nothing that a client sends can
 * end the line or a text in it, or reach the terminal of who reads it: control characters and all beyond ASCII are escaped.
 */
export function accessLine(access: Access): string {
  const { client, method, status, bytes, mirror, userAgent, durationUs } = access;
  let line = `{"time":"${timeOf(access.atMs)}"`;
  if (client !== undefined) line += `,"client":"${client}"`;
  line += `,"method":"${method}","target":${quoted(shownTarget(access.target))},"status":${status},"bytes":${bytes}`;
  if (mirror !== undefined) line += `,"mirror":${quoted(mirror)}`;
  if (userAgent !== undefined) line += `,"userAgent":${quoted(cut(userAgent, USER_AGENT_SHOWN))}`;
  return `${line},"durationUs":${durationUs}}`;
}

/** A target without what may be a credential: the authority of its absolute form, and parameters that are not the crane's. */
function shownTarget(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '');
  const question = path.indexOf('?');
  if (question < 0) return cut(path, TARGET_SHOWN);
  const query = path
    .slice(question + 1)
    .split('&')
    .map(shownParameter)
    .join('&');
  return cut(`${path.slice(0, question)}?${query}`, TARGET_SHOWN);
}

function shownParameter(parameter: string): string {
  const equals = parameter.indexOf('=');
  const name = equals < 0 ? parameter : parameter.slice(0, equals);
  if (KNOWN_PARAMETERS.has(name)) return parameter;
  return equals < 0 ? '***' : `${name}=***`;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}...`;
}

const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

let timeMs = Number.NaN;
let timeText = '';

/** RFC 3339; that of one millisecond is made once. */
function timeOf(ms: number): string {
  if (ms !== timeMs) {
    timeMs = ms;
    timeText = new Date(ms).toISOString();
  }
  return timeText;
}
