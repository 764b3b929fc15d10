import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureAdminToken } from './admin-token.ts';
import { createTokenTable } from './tokens.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-admin-token-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("the administrator's token", () => {
  test('is made at the first start, for its owner alone, and read at later ones', async () => {
    const file = path.join(folder, 'data/deep/admin-token');
    const first = await ensureAdminToken(file);
    expect(first).toMatchObject({ created: true, file });
    expect(Buffer.from(first.token, 'base64url')).toHaveLength(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await ensureAdminToken(file)).toEqual({ ...first, created: false });
    const table = createTokenTable([{ name: 'admin', token: first.token, scopes: ['admin'] }]);
    expect((await table.identify(`Bearer ${first.token}`))?.name).toBe('admin');
  });

  test('is one, however many processes start at once', async () => {
    const file = path.join(folder, 'admin-token');
    const all = await Promise.all(Array.from({ length: 20 }, () => ensureAdminToken(file)));
    expect(new Set(all.map(({ token }) => token)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['admin-token']);
  });

  test('is kept from others when it was open to them', async () => {
    const file = path.join(folder, 'admin-token');
    await writeFile(file, 'abc\n');
    await chmod(file, 0o644);
    expect(await ensureAdminToken(file)).toMatchObject({ token: 'abc', created: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('a file with nothing in it, or a folder in its place, is told of by name', async () => {
    const file = path.join(folder, 'admin-token');
    await writeFile(file, '\n');
    await expect(ensureAdminToken(file)).rejects.toThrow(`the admin token: the file ${file} is empty`);
    await mkdir(path.join(folder, 'other'));
    await expect(ensureAdminToken(path.join(folder, 'other'))).rejects.toThrow('can not be read: EISDIR');
    await expect(ensureAdminToken(path.join(file, 'below'))).rejects.toThrow(
      `can not be kept in ${file}/below: ENOTDIR`,
    );
  });
});
