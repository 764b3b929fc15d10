import { STATUS_CODES } from 'node:http';
import type { Answer } from './answer.ts';
import type { Delivery } from './deliver.ts';

/**
 * Errors as Pulp's Crane sends them, `{"errors":[{"code":"404","message":"Not Found"}]}`, for clients that read these codes.
 */
export function withNumericErrors(deliver: Delivery): Delivery {
  return (request, response, answer) =>
    deliver(request, response, isErrorOfApi(answer) ? numericError(answer) : answer);
}

/** What has a page or a line of text as its body, as the API before Docker 1.6 and its search, keeps it: so it was. */
function isErrorOfApi({ status, headers }: Answer): boolean {
  return status >= 400 && headers[headers.indexOf('Content-Type') + 1] === 'application/json';
}

function numericError(answer: Answer): Answer {
  const code = String(answer.status);
  const bytes = JSON.stringify({ errors: [{ code, message: STATUS_CODES[answer.status] }] });
  const headers = [...answer.headers];
  const length = headers.indexOf('Content-Length');
  if (length >= 0) headers[length + 1] = String(bytes.length);
  return { ...answer, headers, body: { from: 'memory', bytes } };
}
