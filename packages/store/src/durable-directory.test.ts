import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryFlushes } from './durable-directory.ts';

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'gantry-directory-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('Flushes of directories', () => {
  test('those that wait share a flush; one that comes once it has begun gets the next', async () => {
    await using folder = await temporary();
    const flushes = new DirectoryFlushes();
    const first = flushes.flush(folder.path);
    expect(flushes.flush(folder.path)).toBe(first);
    await Promise.resolve();
    const second = flushes.flush(folder.path);
    expect(second).not.toBe(first);
    expect(flushes.flush(folder.path)).toBe(second);
    await Promise.all([first, second]);
    expect(flushes.flush(folder.path)).not.toBe(second);
  });

  test('a flush that fails is told to all who share it, and to none who come later', async () => {
    await using folder = await temporary();
    const flushes = new DirectoryFlushes();
    const path = join(folder.path, 'absent');
    const failed = [flushes.flush(path), flushes.flush(path)];
    const results = await Promise.allSettled(failed);
    expect(results).toMatchObject([{ reason: { code: 'ENOENT' } }, { reason: { code: 'ENOENT' } }]);
    await mkdir(path);
    expect(await flushes.flush(path)).toBeUndefined();
  });
});
