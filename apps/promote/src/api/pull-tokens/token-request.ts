/** What somebody asks for at `/token`, by GET or as OAuth2 has it (distribution's token protocol and its OAuth2 form). */
export interface TokenRequest {
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Absent: the request's `Authorization` says who asks, if anything does. */
  readonly credentials?: { readonly user: string; readonly password: string };
}

/** Why a request can not be answered with a token, as OAuth2 tells it (RFC 6749, section 5.2). */
export type TokenRefusal = 'invalid_request' | 'unsupported_grant_type';

/** `offline_token` is passed over: there are no refresh tokens, which the protocol allows. */
export function readTokenQuery(query: URLSearchParams): TokenRequest {
  return { service: query.get('service') ?? undefined, scopes: query.getAll('scope') };
}

/** @param form the body of a POST, `application/x-www-form-urlencoded` */
export function readTokenForm(form: URLSearchParams): TokenRequest | TokenRefusal {
  const grantType = form.get('grant_type');
  if (grantType !== null && grantType !== 'password') return 'unsupported_grant_type';
  const [user, password] = [form.get('username'), form.get('password')];
  if (grantType === null || user === null || password === null) return 'invalid_request';
  return { ...readTokenQuery(form), credentials: { user, password } };
}
