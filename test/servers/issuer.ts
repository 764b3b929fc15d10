import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import type { Certificate } from './certificates.ts';

/** A key of an issuer: what it signs by, and what it publishes. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An OpenID Connect issuer, as far as those see of it who check its tokens. */
export interface Issuer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/realms/test` */
  readonly issuer: string;
  /** The keys that it publishes; a test may change them. */
  readonly keys: IssuerKey[];
  /** The paths that were asked for. */
  readonly requests: string[];
  /** Answers in place of the issuer from then on; undefined: it answers itself again. */
  answerBy(listener: RequestListener | undefined): void;
  /** Its address in a discovery document of its own; a test may have it tell another. */
  jwksUri: string;
  /** A token that is good for 5 minutes, with changed claims and header members; undefined takes one out. */
  sign(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
    key?: IssuerKey,
  ): Promise<string>;
  /** Listens no more; `start` does again, on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** What tokens of tests are for. */
export const AUDIENCE = 'gantry';

export async function makeIssuerKey(alg = 'ES256', kid: string = crypto.randomUUID()): Promise<IssuerKey> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

/** @param tls it listens with that certificate */
export async function startIssuer(tls?: Certificate): Promise<Issuer> {
  const keys = [await makeIssuerKey()];
  const requests: string[] = [];
  let other: RequestListener | undefined;
  const listener: RequestListener = (request, response) => {
    requests.push(request.url ?? '');
    if (other === undefined) answer(request, response);
    else other(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const start = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await start(0);
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const issuer = `${origin}/realms/test`;

  const answer: RequestListener = async (request, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/realms/test/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer, jwks_uri: opened.jwksUri }));
    } else if (request.url === '/realms/test/keys') {
      const published = await Promise.all(
        keys.map(async ({ kid, alg, publicKey }) => ({
          ...(await exportJWK(publicKey)),
          kid,
          alg,
          use: 'sig',
        })),
      );
      response.end(JSON.stringify({ keys: published }));
    } else response.writeHead(404).end('{}');
  };

  const opened: Issuer = {
    issuer,
    keys,
    requests,
    jwksUri: `${issuer}/keys`,
    answerBy(replacement) {
      other = replacement;
    },
    async sign(claims = {}, header = {}, key = keys[0]) {
      if (key === undefined) throw new TypeError('the issuer has no key');
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: issuer, aud: AUDIENCE, sub: 'robot', iat: now, exp: now + 300, ...claims };
      const protectedHeader = { alg: key.alg, kid: key.kid, typ: 'JWT', ...header };
      return new SignJWT(withoutUndefined(all))
        .setProtectedHeader(withoutUndefined(protectedHeader) as JWTHeaderParameters)
        .sign(key.privateKey);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    async start() {
      await start(port);
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) await opened.stop();
    },
  };
  return opened;
}

function withoutUndefined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
