/**
 * Every failure a caller can see, in one table, so that API answers, exit codes and documentation agree.
 *
 * The codes of the first block are those of the distribution specification (NAME_UNKNOWN, DIGEST_INVALID, …); the crane
 * sends them as they are. On the API a code becomes a problem
 * type, `urn:gantry:problem:name-unknown` (RFC 9457).
 *
 * `exit` is the command line's: 1 failed, 2 wrong usage, 3 refused by a gate, 75 try again (EX_TEMPFAIL).
 * `retry` says that the same call may go through later, unchanged.
 */
export const FAULTS = {
  BLOB_UNKNOWN: { status: 404, exit: 1, title: 'No such blob' },
  DIGEST_INVALID: { status: 400, exit: 2, title: 'Not a digest, or bytes that do not match their digest' },
  MANIFEST_BLOB_UNKNOWN: { status: 404, exit: 1, title: 'A manifest names content that is absent' },
  MANIFEST_INVALID: { status: 400, exit: 1, title: 'Not a manifest that can be accepted' },
  MANIFEST_UNKNOWN: { status: 404, exit: 1, title: 'No such manifest' },
  NAME_INVALID: { status: 400, exit: 2, title: 'Not a repository name' },
  NAME_UNKNOWN: { status: 404, exit: 1, title: 'No such repository' },
  SIZE_INVALID: { status: 400, exit: 1, title: 'Bytes of another length than was said' },
  TAG_INVALID: { status: 400, exit: 2, title: 'Not a tag' },
  UNAUTHORIZED: { status: 401, exit: 1, title: 'Credentials are missing or not known' },
  DENIED: { status: 403, exit: 1, title: 'Not allowed' },
  UNSUPPORTED: { status: 405, exit: 1, title: 'Not supported here' },
  TOOMANYREQUESTS: { status: 429, exit: 75, title: 'Too many requests', retry: true },

  CHANNEL_UNKNOWN: { status: 404, exit: 1, title: 'No such channel' },
  CONFIGURATION_INVALID: { status: 500, exit: 2, title: 'The configuration is wrong' },
  CONFLICT: { status: 409, exit: 1, title: 'Not possible in this state' },
  CONTENT_CORRUPT: { status: 500, exit: 1, title: 'Stored bytes do not match their digest' },
  GATE_REFUSED: { status: 409, exit: 3, title: 'Refused by a gate' },
  HEADERS_TOO_LARGE: { status: 431, exit: 2, title: 'The request line and headers are too large' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, exit: 2, title: 'The same Idempotency-Key came with another body' },
  INTERNAL: { status: 500, exit: 70, title: 'A defect in Gantry' },
  LEASE_LOST: { status: 409, exit: 75, title: 'Another worker holds the lease now', retry: true },
  MIRROR_INVALID: { status: 502, exit: 1, title: 'A mirror serves something else than the tree' },
  PLAN_UNKNOWN: { status: 404, exit: 1, title: 'No such plan' },
  PRECONDITION_FAILED: { status: 412, exit: 1, title: 'What the request relies on has changed' },
  PROMOTION_FAILED: { status: 500, exit: 1, title: 'The promotion failed' },
  PROMOTION_UNKNOWN: { status: 404, exit: 1, title: 'No such promotion' },
  PUBLICATION_UNKNOWN: { status: 404, exit: 1, title: 'No such publication' },
  PURGE_UNKNOWN: { status: 404, exit: 1, title: 'No such purge' },
  PURGED: { status: 410, exit: 1, title: 'Purged, and kept out' },
  READ_ONLY: { status: 503, exit: 75, title: 'Changes are refused just now', retry: true },
  REFERENCE_UNKNOWN: { status: 404, exit: 1, title: 'Nothing of that name was synced or promoted' },
  REPORT_UNKNOWN: { status: 404, exit: 1, title: 'No such report' },
  REQUEST_INVALID: { status: 400, exit: 2, title: 'The request is not well formed' },
  REQUEST_TIMEOUT: { status: 408, exit: 75, title: 'The request did not come in time', retry: true },
  REQUEST_TOO_LARGE: { status: 413, exit: 2, title: 'The request body is too large' },
  REQUEST_UNPROCESSABLE: { status: 422, exit: 2, title: 'The request can not be carried out as it stands' },
  RESULT_UNKNOWN: { status: 404, exit: 1, title: 'No such result' },
  ROUTE_UNKNOWN: { status: 404, exit: 2, title: 'No such route' },
  SERVER_UNREACHABLE: { status: 502, exit: 75, title: 'The Gantry server does not answer', retry: true },
  SOURCE_ADDRESS_REFUSED: { status: 502, exit: 1, title: 'A source led to an address that is not allowed' },
  SOURCE_FAILED: { status: 502, exit: 1, title: 'The source registry answered with an error' },
  SOURCE_REFUSED: { status: 502, exit: 1, title: 'The source registry refused the credentials' },
  SOURCE_UNKNOWN: { status: 404, exit: 2, title: 'No such source' },
  SOURCE_UNREACHABLE: { status: 502, exit: 75, title: 'The source registry does not answer', retry: true },
  STORAGE_FULL: { status: 507, exit: 75, title: 'No space left', retry: true },
  SYNC_PARTIAL: { status: 502, exit: 1, title: 'Part of a sync failed' },
  TAG_REFUSED: { status: 409, exit: 3, title: 'Refused by the rules for the tags of the channel' },
  TASK_UNKNOWN: { status: 404, exit: 1, title: 'No such task' },
  TOKEN_UNKNOWN: { status: 404, exit: 1, title: 'No such token' },
  TREE_INVALID: { status: 500, exit: 1, title: 'The published tree is not as it should be' },
  TREE_UNKNOWN: { status: 404, exit: 1, title: 'No such tree' },
  UNAVAILABLE: { status: 503, exit: 75, title: 'Not able to answer just now', retry: true },
  WAIVER_UNKNOWN: { status: 404, exit: 1, title: 'No such waiver' },
} as const satisfies Record<string, { status: number; exit: number; title: string; retry?: true }>;

export type FaultCode = keyof typeof FAULTS;

/** What a fault is about, for logs and problem documents: scalars only, never a credential. */
export type FaultDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** The one error class of Gantry. `message` is a sentence that names the thing and what would be right. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly details: FaultDetails;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Fault';
    this.code = code;
    this.details = details;
  }

  /** Whether the same call may go through later, unchanged. */
  get retry(): boolean {
    return 'retry' in FAULTS[this.code];
  }
}

/** The fault in `error`, or an INTERNAL one that carries it as its cause. A full disk is recognised wherever it is met. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
    const path = fullPlace(error);
    return new Fault(
      'STORAGE_FULL',
      `no space left${path === undefined ? '' : ` for ${path}`}`,
      { path },
      { cause: error },
    );
  }
  return new Fault('INTERNAL', error instanceof Error ? error.message : String(error), {}, { cause: error });
}

/** The file that there was no room for: of a copy or a link, which has two, the new one. */
function fullPlace(error: Error & { path?: unknown; dest?: unknown }): string | undefined {
  return [error.dest, error.path].find((place) => typeof place === 'string');
}

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** The fault's details and what the caller adds, for instance `item`. */
  [extension: string]: unknown;
}

/** The problem document of a fault: stable `type`, the message as `detail`, the details as extensions. */
export function toProblem(error: unknown): Problem {
  const fault = asFault(error);
  const { status, title } = FAULTS[fault.code];
  return { ...fault.details, type: problemType(fault.code), title, status, detail: fault.message };
}

/** The stable problem type of a code: `urn:gantry:problem:name-unknown`. */
export function problemType(code: FaultCode): string {
  return `urn:gantry:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}
