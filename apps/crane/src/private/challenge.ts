import { type Answer, errorAnswer } from '../answer/answer.ts';
import type { Route } from '../answer/route.ts';

/** What clients are asked for: a token of the token protocol, or a user's name and password. */
export type Challenge = { readonly realm: string; readonly service: string } | 'basic';

/** Why credentials are asked for, where some came (RFC 6750, section 3.1). */
export type Complaint = 'invalid_token';

/** 401 with the challenge (RFC 9110, section 11.6.1; distribution's "Token Authentication Specification"). */
export function challengeAnswer(challenge: Challenge, route: Route, complaint?: Complaint): Answer {
  return errorAnswer(
    route.kind,
    401,
    'UNAUTHORIZED',
    complaint === undefined && challenge !== 'basic'
      ? 'a token is needed here: the header WWW-Authenticate tells where to get one'
      : complaint === undefined
        ? 'a name and a password are needed here'
        : 'the credentials are not right, or not right any more',
    ['WWW-Authenticate', header(challenge, route, complaint), 'Vary', 'Authorization'],
  );
}

function header(challenge: Challenge, route: Route, complaint?: Complaint): string {
  if (challenge === 'basic') return 'Basic realm="registry", charset="UTF-8"';
  const parts = [`realm=${quoted(challenge.realm)}`, `service=${quoted(challenge.service)}`];
  // A name has no character that would have to be escaped.
  if ('name' in route) parts.push(`scope="repository:${route.name}:pull"`);
  if (complaint !== undefined) parts.push(`error="${complaint}"`);
  return `Bearer ${parts.join(',')}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
