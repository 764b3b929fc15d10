import { createHmac, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startCrane } from '@gantry/app-crane';
import { openPullTokens, type PullTokensConfiguration } from '@gantry/service';
import { exportJWK, exportSPKI, SignJWT } from 'jose';
import { AUDIENCE, type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../servers/issuer.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** Tokens for pulls whose keys a crane asks an address for (`crane.private.tokens.jwksUri`). */

const SECRET = 'corp/secret';
const NOW = () => new Date();
const seconds = () => Math.floor(Date.now() / 1000);

let issuer: Issuer;
let tokens: PullTokensConfiguration;
beforeEach(async () => {
  issuer = await startIssuer();
  tokens = {
    realm: `${issuer.issuer}/token`,
    service: AUDIENCE,
    issuer: issuer.issuer,
    keyFiles: [],
    jwksUri: issuer.jwksUri,
    clockToleranceMs: 0,
  };
});
afterEach(() => issuer[Symbol.asyncDispose]());

const access = [{ type: 'repository', name: SECRET, actions: ['pull'] }];
const sign = (claims: object = {}, key?: IssuerKey) => issuer.sign({ access, ...claims }, {}, key);
const good = { repositories: new Set([SECRET]) };
const unavailable = {
  code: 'UNAVAILABLE',
  message: expect.stringContaining('does not say just now by which keys'),
};

describe('keys', () => {
  test('that are new are asked for when a token names one; those that were taken back count no more', async () => {
    const verify = await openPullTokens(tokens, { cooldownMs: 0 });
    const former = await sign();
    expect(await verify(former, NOW())).toMatchObject(good);
    issuer.keys.splice(0, 1, await makeIssuerKey());
    expect(await verify(await sign(), NOW())).toMatchObject(good);
    expect(issuer.requests).toEqual(['/realms/test/keys', '/realms/test/keys']);
    expect(await verify(former, NOW())).toEqual(expect.any(String));
  });

  test('are not asked for by each token that names one which is not there', async () => {
    const verify = await openPullTokens(tokens, { cooldownMs: 60_000 });
    expect(await verify(await sign(), NOW())).toMatchObject(good);
    for (let times = 0; times < 5; times++)
      expect(await verify(await sign({}, await makeIssuerKey()), NOW())).toEqual(expect.any(String));
    expect(issuer.requests).toHaveLength(1);
  });

  test('that are known stay good while nobody tells them; who fails is asked again after a while only', async () => {
    const verify = await openPullTokens(tokens, { cooldownMs: 0, retryMs: 60_000 });
    expect(await verify(await sign(), NOW())).toMatchObject(good);
    issuer.answerBy((_, response) => response.writeHead(500).end());
    for (let times = 0; times < 5; times++) {
      const unknown = await sign({}, await makeIssuerKey());
      await expect(verify(unknown, NOW())).rejects.toMatchObject(unavailable);
    }
    expect(issuer.requests).toHaveLength(2);
    await issuer.stop();
    expect(await verify(await sign(), NOW())).toMatchObject(good);
  });

  test('of files are good whether or not those of the address can be had', async () => {
    await using folder = await temporaryFolder('pull-token-keys');
    const file = path.join(folder.path, 'tokens.pub');
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    await writeFile(file, publicKey.export({ type: 'spki', format: 'pem' }));
    const verify = await openPullTokens({ ...tokens, keyFiles: [file] }, { retryMs: 0 });
    await issuer.stop();
    const own = await new SignJWT({ iss: issuer.issuer, aud: AUDIENCE, exp: seconds() + 60, access })
      .setProtectedHeader({ alg: 'EdDSA' })
      .sign(privateKey);
    expect(await verify(own, NOW())).toMatchObject(good);
    await expect(verify(await sign(), NOW())).rejects.toMatchObject(unavailable);
    await issuer.start();
    expect(await verify(await sign(), NOW())).toMatchObject(good);
  });
});

const part = (members: object) => Buffer.from(JSON.stringify(members)).toString('base64url');

const REFUSED: Readonly<Record<string, () => Promise<string> | string>> = {
  'with alg none': async () => {
    const [, claims] = (await sign()).split('.');
    return `${part({ alg: 'none', typ: 'JWT' })}.${claims}.`;
  },
  'signed by the public key as a shared secret': async () => {
    const key = issuer.keys[0] as IssuerKey;
    const [, claims] = (await sign()).split('.');
    const text = `${part({ alg: 'HS256', kid: key.kid })}.${claims}`;
    const secret = await exportSPKI(key.publicKey);
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  },
  'that brings its own key, under a known kid': async () => {
    const own = await makeIssuerKey('ES256', issuer.keys[0]?.kid);
    return issuer.sign({ access }, { jwk: await exportJWK(own.publicKey) }, own);
  },
  'for another service': () => sign({ aud: 'other.example.org' }),
  'of another issuer': () => sign({ iss: 'https://other.example.org' }),
  'that has expired': () => sign({ exp: seconds() - 60 }),
  'that never expires': () => sign({ exp: undefined }),
  'of the future': () => sign({ nbf: seconds() + 300 }),
  'whose access is no list': () => sign({ access: { name: SECRET } }),
};

test('a crane refuses each token that is not right, says why in the log, and asks for keys once', async () => {
  const said: unknown[] = [];
  const note = (fields: object, event?: string) => said.push({ ...fields, event });
  await using crane = await startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    redirectJson: { directories: [], cdn: {} },
    private: { repositories: ['corp/**'], readers: [], challenge: ['base'], tokens },
    logger: { info: note, warn: note, error: note },
  });
  const ask = async (token: string) => {
    const { status, headers } = await fetch(`${crane.url}/v2/`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    return [status, headers.get('www-authenticate')?.includes('error="invalid_token"')];
  };
  expect(await ask(await sign())).toEqual([200, undefined]);
  for (const [which, make] of Object.entries(REFUSED)) {
    said.length = 0;
    const token = await make();
    expect([which, ...(await ask(token))]).toEqual([which, 401, true]);
    expect(said).toEqual([{ why: expect.stringMatching(/./), event: 'token.refused' }]);
  }
  await issuer.stop();
  expect(await ask(await sign())).toEqual([200, undefined]);
  expect(issuer.requests).toHaveLength(1);
});
