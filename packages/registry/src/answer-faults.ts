import { type Digest, Fault, type FaultCode } from '@gantry/oci';
import { readBody } from './body.ts';
import type { RequestKind, Source } from './options.ts';
import { at, foreignText } from './source-faults.ts';
import type { Answer } from './wire.ts';

/** What a call is about, as it stands in a fault's details. */
export interface Subject {
  readonly repository?: string;
  /** A tag or a digest. */
  readonly reference?: string;
  readonly digest?: Digest;
  /** Of a layer elsewhere, without its query. */
  readonly layer?: string;
}

const ERROR_MAX_BYTES = 64 * 1024;

/** The fault of an answer that is not what was asked for. Reads its body, up to 64 KiB. */
export async function answerFault(
  source: Source,
  kind: RequestKind,
  subject: Subject,
  answer: Answer,
): Promise<Fault> {
  const { status } = answer;
  const said = await readError(answer);
  const isElsewhere = kind === 'foreign' || answer.url.origin !== source.origin.origin;
  const retryAfterSeconds =
    answer.retryAfterMs === undefined ? undefined : Math.ceil(answer.retryAfterMs / 1000);
  const details = {
    ...subject,
    source: source.name,
    host: answer.url.host,
    status,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  const what = nameOf(subject, kind);
  const words = said === undefined ? '' : ` (it says ${foreignText(source, said.text)})`;
  const make = (code: FaultCode, sentence: string) =>
    new Fault(code, `${at(source)}: ${sentence}${words}`, details);

  if (status === 404 && kind === 'foreign') return make('BLOB_UNKNOWN', `there is no ${what}`);
  if (status === 404 && kind !== 'catalog') return make(unknownCode(kind, said?.code), `it has no ${what}`);
  if (isElsewhere) {
    const code = status === 429 ? 'TOOMANYREQUESTS' : 'SOURCE_FAILED';
    return make(code, `it led to ${answer.url.host} for ${what}, which answered ${status}`);
  }
  if (status === 401 || status === 403) return make('SOURCE_REFUSED', refusal(source, what, status));
  if (status === 429)
    return make('TOOMANYREQUESTS', `it asks for fewer requests, for ${what}; try again later`);
  const advice =
    kind === 'catalog' && status < 500 ? '; it may have no catalog: name its repositories instead' : '';
  return make('SOURCE_FAILED', `it answered ${status} for ${what}${advice}`);
}

/** `manifest team/app:1.0`, for messages. */
export function nameOf(subject: Subject, kind: RequestKind): string {
  const { repository = '', reference, digest, layer } = subject;
  switch (kind) {
    case 'catalog':
      return 'list of repositories';
    case 'tags':
      return `repository ${repository}`;
    case 'blob':
      return `blob ${digest} in ${repository}`;
    case 'foreign':
      return `layer at ${layer}`;
    case 'referrers':
      return `list of what refers to ${digest} in ${repository}`;
    default:
      return `manifest ${repository}${reference?.includes(':') === true ? '@' : ':'}${reference}`;
  }
}

function refusal(source: Source, what: string, status: number): string {
  const { credentials } = source;
  if (credentials === undefined) {
    return `it does not give the ${what} without credentials (${status}): set credentials of this source`;
  }
  const setting =
    'token' in credentials ? 'credentials.tokenFile' : 'credentials.username and credentials.passwordFile';
  return `it refuses the credentials for the ${what} (${status}): check ${setting} of this source, and what they may read`;
}

/** 404 by the specification's code, where it fits what was asked for. */
function unknownCode(kind: RequestKind, code: string | undefined): FaultCode {
  if (code === 'NAME_UNKNOWN' || kind === 'tags') return 'NAME_UNKNOWN';
  return kind === 'blob' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
}

/** The first error of a body as the specification has it ("Error Codes"); undefined when it is none. Reads up to 64 KiB. */
export async function readError(answer: Answer): Promise<{ code: string; text: string } | undefined> {
  const body = await readBody(answer, ERROR_MAX_BYTES);
  if (body === undefined || body.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  const errors = (value as { errors?: unknown } | null)?.errors;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const { code, message } = first as Record<string, unknown>;
  const words = [code, message].filter((word) => typeof word === 'string' && word !== '');
  return { code: typeof code === 'string' ? code : '', text: words.join(': ') };
}
