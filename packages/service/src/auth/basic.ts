const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/** What a `Basic` header holds (RFC 7617, in UTF-8); undefined: it is absent, of another scheme, or holds nothing of the kind. */
export function basicCredentials(authorization: string | undefined): BasicCredentials | undefined {
  const [, encoded] = authorization === undefined ? [] : (BASIC.exec(authorization.trim()) ?? []);
  if (encoded === undefined) return undefined;
  const text = decode(Buffer.from(encoded, 'base64'));
  const colon = text?.indexOf(':') ?? -1;
  return text === undefined || colon < 0
    ? undefined
    : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
