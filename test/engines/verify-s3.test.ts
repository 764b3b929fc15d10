import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheControlOf, contentTypeOf, directoryTree, layTree, POINTER_PATH } from '@gantry/tree';
import { createS3Client, type S3Client } from '@gantry/store/s3';
import { helloImage } from '../fixtures/build-registry.ts';
import { gantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** A tree in a bucket that no configuration names, verified by whoever has its address and a key. */
const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));

let server: Versitygw;
let folder: TemporaryFolder;
let client: S3Client;
let files: string[];
const at = (name: string) => path.join(folder.path, name);

real.beforeAll(async () => {
  folder = await temporaryFolder('verify-s3');
  const { bytes, digest, blobs } = helloImage('bucket');
  const repository = {
    name: 'app',
    tags: { latest: digest },
    manifests: [bytes],
    blobs: blobs.map((blob) => blob.bytes),
  };
  await layTree(at('tree'), { repositories: [repository] });
  files = [];
  for await (const { path: file } of directoryTree(at('tree')).list('')) files.push(file);
  server = await startVersitygw();
  client = await createS3Client({ ...(await server.makeBucket('releases')), prefix: 'gantry' });
}, 30_000);
real.afterAll(async () => {
  client?.[Symbol.dispose]();
  await server?.stop();
  await folder?.[Symbol.asyncDispose]();
});

/** Writes the tree into the bucket anew, as a publisher does. */
async function fill(): Promise<void> {
  for await (const { path: file } of client.list('')) await client.remove(file);
  for (const file of files) await putAs(file, contentTypeOf(file) ?? '', cacheControlOf(file));
}

async function putAs(file: string, contentType: string, cacheControl: string): Promise<void> {
  await client.put(file, await readFile(path.join(at('tree'), file)), { contentType, cacheControl });
}

async function verify(...words: string[]) {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const all = ['verify', 's3://releases/gantry', '--endpoint', server.url, '--output', 'json', ...words];
  const { code, stdout, stderr } = await gantry(folder.path, all, {
    env: { ...env, GANTRY_CONFIG: undefined },
  });
  const found = (stdout === '' ? { findings: [] } : JSON.parse(stdout)) as {
    findings: { kind: string; path: string; severity: string }[];
  };
  return {
    code,
    stderr,
    findings: found.findings.map(({ kind, path: file }) => `${kind} ${file}`).toSorted(),
  };
}

real.test(
  'a whole one is right, at each level, and equal to the folder that it was made of',
  async () => {
    await fill();
    for (const level of [['--roots'], [], ['--deep', '--strict']]) {
      expect(await verify(...level, '--against', './tree')).toMatchObject({ code: 0, findings: [] });
    }
  },
  120_000,
);

real.test(
  'what is missing, extra, wrongly typed, kept for too long or of another length is named',
  async () => {
    await fill();
    const [blob = '', other = ''] = files.filter((file) => file.startsWith('pool/blobs/'));
    const manifest = files.find((file) => file.startsWith('pool/manifests/')) ?? '';
    await client.remove(blob);
    await client.put(other, Buffer.from('short'), {
      contentType: 'application/octet-stream',
      cacheControl: cacheControlOf(other),
    });
    await client.put('pool/stranger', Buffer.from(''), {});
    await putAs(manifest, 'application/octet-stream', cacheControlOf(manifest));
    await putAs(POINTER_PATH, contentTypeOf(POINTER_PATH) ?? '', 'public, max-age=31536000, immutable');
    const { code, findings } = await verify('--deep');
    expect(code).toBe(1);
    expect(findings).toEqual(
      [
        `extra pool/stranger`,
        `missing ${blob}`,
        `wrong-header ${POINTER_PATH}`,
        `wrong-size ${other}`,
        `wrong-type ${manifest}`,
      ].toSorted(),
    );
  },
  120_000,
);

real.test(
  'a bucket that is not there is refused by name',
  async () => {
    const missing = await gantry(folder.path, ['verify', 's3://nosuch/gantry', '--endpoint', server.url], {
      env: {
        AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
        GANTRY_CONFIG: undefined,
      },
    });
    expect([missing.code, missing.stderr.includes('nosuch')]).toEqual([2, true]);
  },
  120_000,
);
