// RFC 6750, 2.1: b64token; the scheme's name in any case (RFC 9110, 11.1).
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** Whether a client can send this as a bearer token. */
export function isBearerToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The token of an `Authorization` header; undefined: it is absent, or of another scheme. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
}
