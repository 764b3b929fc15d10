import { Fault, type FaultCode, type FaultDetails } from '@gantry/oci';
import { faultCodeOf } from '../exit-codes.ts';

/** What a status means where no problem document of ours says more: a proxy's answer, or a newer server's. */
const BY_STATUS: Readonly<Record<number, FaultCode>> = {
  400: 'REQUEST_INVALID',
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'ROUTE_UNKNOWN',
  405: 'UNSUPPORTED',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'REQUEST_TOO_LARGE',
  422: 'REQUEST_UNPROCESSABLE',
  429: 'TOOMANYREQUESTS',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** The fault that an answer with an error status tells of: that of the problem document where there is one. */
export function faultOfAnswer(url: string, status: number, contentType: string, text: string): Fault {
  const problem = contentType.includes('json') ? parseRecord(text) : undefined;
  const code =
    (problem && faultCodeOf(problem)) ?? BY_STATUS[status] ?? (status < 500 ? 'ROUTE_UNKNOWN' : 'INTERNAL');
  const detail = typeof problem?.['detail'] === 'string' ? problem['detail'] : undefined;
  const hint =
    code === 'UNAUTHORIZED'
      ? ' (--token or GANTRY_TOKEN; that of a local server lies in data/admin-token, unless api.adminTokenFile names another)'
      : '';
  return new Fault(code, `${detail ?? `${url} answered with status ${status}`}${hint}`, detailsOf(problem));
}

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const STANDARD: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'instance']);

function detailsOf(problem: Record<string, unknown> = {}): FaultDetails {
  const details = Object.entries(problem).flatMap(([name, value]) =>
    !STANDARD.has(name) && ['string', 'number', 'boolean'].includes(typeof value)
      ? [[name, value as string | number | boolean] as const]
      : [],
  );
  return Object.fromEntries(details);
}
