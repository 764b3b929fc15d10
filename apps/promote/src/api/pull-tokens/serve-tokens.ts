import { asFault } from '@gantry/oci';
import type { Request, RequestHandler, Response } from 'express';
import type { Api } from '../api-options.ts';
import { exchangeOf } from '../http/exchange.ts';
import type { MadePullToken, PullTokens } from './pull-tokens.ts';
import { readTokenForm, readTokenQuery, type TokenRefusal, type TokenRequest } from './token-request.ts';

const MAX_FORM_BYTES = 16 * 1024;
const FORM = /^application\/x-www-form-urlencoded\b/i;

/** Answers `/token` (distribution's "Token Authentication Specification", and its OAuth2 form). */
export function serveTokens(
  tokens: PullTokens,
  { limits, origins, log }: Pick<Api, 'limits' | 'origins' | 'log'>,
): RequestHandler {
  const answer = async (request: Request, response: Response): Promise<void> => {
    const asked = request.method === 'POST' ? await readPost(request) : readTokenQuery(queryOf(request));
    if (typeof asked === 'string') return refuse(response, 400, asked);
    const authorization = authorizationOf(asked) ?? request.headers.authorization;
    const network = origins.networkOf(request);
    limits.beforeLook(network, authorization);
    const puller = await tokens.identify(authorization);
    if (puller === undefined) {
      limits.ofUnknown(network);
      response.setHeader('WWW-Authenticate', 'Basic realm="gantry", charset="UTF-8"');
      return refuse(response, 401, 'invalid_client');
    }
    if (puller !== 'nobody') exchangeOf(response).caller = puller.name;
    const made = await tokens.make(asked, puller);
    if (made === undefined) return refuse(response, 400, 'invalid_target');
    send(response, 200, bodyOf(made));
  };
  return (request, response) => {
    exchangeOf(response).route = '/token';
    answer(request, response).catch((error: unknown) => {
      const fault = asFault(error);
      if (fault.code === 'TOOMANYREQUESTS') {
        response.setHeader('Retry-After', String(fault.details['retryAfterSeconds'] ?? 1));
        return refuse(response, 429, 'slow_down');
      }
      log.error({ err: fault }, 'token.failed');
      refuse(response, 503, 'temporarily_unavailable');
    });
  };
}

/** `scope` as OAuth2 has it: what was granted of what was asked for (RFC 6749, section 5.1). */
function bodyOf({ token, expiresInSeconds, issued, access }: MadePullToken): object {
  return {
    token,
    access_token: token,
    token_type: 'Bearer',
    scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' '),
    expires_in: expiresInSeconds,
    issued_at: issued.toISOString(),
  };
}

type OAuthError =
  | TokenRefusal
  | 'invalid_client'
  | 'invalid_target'
  | 'slow_down'
  | 'temporarily_unavailable';

/** As OAuth2 has it, and as the distribution specification has it, in one body. */
const REFUSALS: Readonly<Record<OAuthError, { readonly code: string; readonly message: string }>> = {
  invalid_request: {
    code: 'UNSUPPORTED',
    message: 'a form with grant_type, username and password is needed',
  },
  unsupported_grant_type: { code: 'UNSUPPORTED', message: 'tokens are granted by password alone' },
  invalid_client: { code: 'UNAUTHORIZED', message: 'the name or the password is not right' },
  invalid_target: { code: 'DENIED', message: 'tokens for this service are not made here' },
  slow_down: { code: 'TOOMANYREQUESTS', message: 'too many wrong credentials came from this address' },
  temporarily_unavailable: { code: 'UNAVAILABLE', message: 'who asks can not be found out just now' },
};

function refuse(response: Response, status: number, error: OAuthError): void {
  const { code, message } = REFUSALS[error];
  send(response, status, { error, error_description: message, errors: [{ code, message }] });
}

function send(response: Response, status: number, body: object): void {
  response.status(status).setHeader('Cache-Control', 'no-store');
  response.json(body);
}

function queryOf(request: Request): URLSearchParams {
  const question = request.originalUrl.indexOf('?');
  return new URLSearchParams(question < 0 ? '' : request.originalUrl.slice(question + 1));
}

function authorizationOf({ credentials }: TokenRequest): string | undefined {
  if (credentials === undefined) return undefined;
  const { user, password } = credentials;
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function readPost(request: Request): Promise<TokenRequest | TokenRefusal> {
  if (!FORM.test(request.headers['content-type'] ?? '')) return 'invalid_request';
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request) {
    total += (chunk as Buffer).length;
    if (total > MAX_FORM_BYTES) return 'invalid_request';
    chunks.push(chunk as Buffer);
  }
  return readTokenForm(new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
}
