import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@gantry/oci';
import { PartialFiles } from './partial-files.ts';

async function temporary(): Promise<{ root: string } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-partial-'));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

const digest = digestOf('content');

/** Writes half a blob, then tries to go on with no descriptor left, then with all of them. */
const script = (root: string) => `
  import { closeSync, openSync } from 'node:fs';
  import { openFilesystemStore } from ${JSON.stringify(import.meta.resolve('./filesystem.ts'))};
  const store = await openFilesystemStore({ root: ${JSON.stringify(root)} });
  const half = await store.write('${digest}', 7);
  await half.append(Buffer.from('cont'));
  await half.suspend();
  const taken = [];
  const code = (error) => error.cause?.code ?? error.code ?? String(error);
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {}
  const without = await store.write('${digest}', 7).then(() => 'opened', code);
  for (const one of taken) closeSync(one);
  const again = await store.write('${digest}', 7).catch(code);
  const offset = again.offset ?? again;
  if (typeof again !== 'string') await again.suspend();
  process.stdout.write(JSON.stringify([without, offset]));
  await store[Symbol.asyncDispose]();
`;

describe('partial files', () => {
  test('that can not be opened, as the process has no descriptor left, are gone on with later', async () => {
    await using at = await temporary();
    const { stdout, stderr } = spawnSync(
      'sh',
      [
        '-c',
        'ulimit -n 200; exec "$0" "$@"',
        process.execPath,
        '--input-type=module',
        '--eval',
        script(join(at.root, 'store')),
      ],
      { encoding: 'utf8' },
    );
    expect([stdout, stderr]).toEqual([JSON.stringify(['EMFILE', 4]), '']);
  });

  test('are closed also when they can not be removed', async () => {
    await using at = await temporary();
    await using partials = await PartialFiles.open(at.root);
    const claim = await partials.claim(digest, false);
    await rm(claim.path);
    await mkdir(claim.path);
    let isClosed = false;
    const close = () => {
      isClosed = true;
      claim.close();
    };
    await expect(partials.drop({ ...claim, close })).rejects.toThrow(claim.path);
    expect(isClosed).toBe(true);
  });
});
