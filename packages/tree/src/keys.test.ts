import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeSigningKeyFile, readPublicKeyFile, readSigningKeyFile } from './key-files.ts';
import { readPublicKey, readSigningKey } from './keys.ts';

const PRIVATE = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
const KEY = readSigningKey(PRIVATE, 'of the test');
const BYTES = Buffer.from('some bytes');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-keys-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('a key', () => {
  test('signs what its public half verifies, and nothing else', () => {
    const signature = KEY.sign(BYTES);
    const readers = readPublicKey(KEY.pem, 'r');
    expect(signature).toHaveLength(64);
    expect(readers.keyid).toBe(KEY.keyid);
    expect(readers.verifies(BYTES, signature)).toBe(true);
    expect(readers.verifies(Buffer.from('other bytes'), signature)).toBe(false);
    expect(readers.verifies(BYTES, signature.subarray(1))).toBe(false);
  });

  test('never shows its private half', () => {
    const secret = PRIVATE.split('\n')[1] ?? '';
    expect(JSON.stringify(KEY)).not.toContain(secret.slice(-20));
    expect(Object.keys(KEY).toSorted()).toEqual(['keyid', 'pem', 'sign', 'verifies']);
  });

  test('in PEM may stand among other text', () => {
    expect(readPublicKey(`keyid: x\n${KEY.pem}\nbye`, 'r').keyid).toBe(KEY.keyid);
  });

  test.each([
    ['a private key with a reader', () => readPublicKey(PRIVATE, 'r'), /it is a private key/],
    ['a public key to sign with', () => readSigningKey(KEY.pem, 'r'), /it is a public key/],
    ['no key', () => readPublicKey('hello', 'r'), /not a public key in PEM/],
    ['no private key', () => readSigningKey('hello', 'r'), /not a private key \(PKCS#8\) in PEM/],
    [
      'an RSA key',
      () => readPublicKey(rsa.publicKey.export({ type: 'spki', format: 'pem' }), 'r'),
      /for rsa/,
    ],
    [
      'an RSA key to sign with',
      () => readSigningKey(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'r'),
      /for rsa, and statements are signed by Ed25519/,
    ],
    [
      'an encrypted key',
      () =>
        readSigningKey(
          generateKeyPairSync('ed25519').privateKey.export({
            type: 'pkcs8',
            format: 'pem',
            cipher: 'aes-256-cbc',
            passphrase: 'x',
          }),
          'r',
        ),
      /it is encrypted/,
    ],
  ])('%s is refused', (_, read, message) => {
    expect(read).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }));
    expect(read).toThrow(message);
  });
});

describe("a key's file", () => {
  test('is made for its owner alone, whatever the umask, and read again', async () => {
    const file = path.join(folder, 'release.key');
    const umask = process.umask(0);
    const made = await makeSigningKeyFile(file).finally(() => process.umask(umask));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const read = await readSigningKeyFile(file, 'tree.signing.keyFile');
    expect(read.keyid).toBe(made.keyid);
    expect(made.verifies(BYTES, read.sign(BYTES))).toBe(true);
  });

  test('is never overwritten, also not where a link leads', async () => {
    const file = path.join(folder, 'release.key');
    await writeFile(file, 'precious');
    await expect(makeSigningKeyFile(file)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('never overwritten') as string,
    });
    expect(await readFile(file, 'utf8')).toBe('precious');
    await expect(makeSigningKeyFile(path.join(folder, 'no', 'such'))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  test.each([0o644, 0o640, 0o604, 0o660])('with mode %o is refused, by its name', async (mode) => {
    const file = path.join(folder, 'release.key');
    await writeFile(file, PRIVATE);
    await chmod(file, mode);
    await expect(readSigningKeyFile(file, 'tree.signing.keyFile')).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: `tree.signing.keyFile: the file ${file} is readable by others than its owner (mode 0${mode.toString(8)}): chmod 600 ${file}`,
    });
  });

  test.each([
    ['is not there', undefined, /keyFile: the file .* can not be read: ENOENT/],
    ['holds something else', 'hello', /keyFile .*x can not be used: it is not a private key/],
    ['is far too large', 'a'.repeat(70_000), /larger than/],
  ])('that %s is refused', async (_, text, message) => {
    const file = path.join(folder, 'x');
    if (text !== undefined) await writeFile(file, text, { mode: 0o600 });
    await expect(readSigningKeyFile(file, 'tree.signing.keyFile')).rejects.toThrow(message);
  });

  test('of a public key is read', async () => {
    const file = path.join(folder, 'release.pub');
    await writeFile(file, KEY.pem);
    expect((await readPublicKeyFile(file, '--key')).keyid).toBe(KEY.keyid);
    await expect(readPublicKeyFile(path.join(folder, 'none'), '--key')).rejects.toThrow(/--key: .*ENOENT/);
  });
});
