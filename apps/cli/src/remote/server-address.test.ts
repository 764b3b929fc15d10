import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment, GlobalOptions } from '../cli.ts';
import { findServer, isLoopback, type ServerAddress } from './server-address.ts';

let cwd: string;
let said: string;
beforeEach(async () => {
  said = '';
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-server-'));
  await mkdir(path.join(cwd, 'data'));
  await writeFile(path.join(cwd, 'data/admin-token'), 'the-admin-token\n');
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

function find(options: Partial<GlobalOptions>, env: Environment['env'] = {}): Promise<ServerAddress> {
  const environment: Environment = {
    env,
    cwd,
    stdout: { write: () => true },
    stderr: { write: (text) => (said += text) },
    interruptible: () => ({ signal: new AbortController().signal, [Symbol.dispose]() {} }),
  };
  return findServer({ output: 'table', ...options }, environment);
}

describe('which server', () => {
  test('without a word it is the one that the defaults describe, with the token of its data', async () => {
    expect(await find({})).toMatchObject({ url: 'http://127.0.0.1:5090', token: 'the-admin-token' });
  });

  test("the configuration's address and data come before the defaults", async () => {
    await writeFile(
      path.join(cwd, 'gantry.yaml'),
      'api: { listen: "0.0.0.0:7" }\ncatalog: { sqlite: { file: ./other/c.db } }',
    );
    expect(await find({})).not.toHaveProperty('token');
    await mkdir(path.join(cwd, 'other'));
    await writeFile(path.join(cwd, 'other/admin-token'), 'other-token\n');
    expect(await find({})).toMatchObject({ url: 'http://127.0.0.1:7', token: 'other-token' });
  });

  test('GANTRY_SERVER and GANTRY_TOKEN come before it, options before those', async () => {
    const env = { GANTRY_SERVER: 'https://gantry.example.org/x/', GANTRY_TOKEN: 'from-env' };
    expect(await find({}, env)).toEqual({ url: 'https://gantry.example.org/x', token: 'from-env' });
    const options = { server: 'http://127.0.0.1:9', token: 'from-option' };
    expect(await find(options, env)).toEqual({ url: 'http://127.0.0.1:9', token: 'from-option' });
    expect(await find({}, { GANTRY_SERVER: '', GANTRY_TOKEN: '' })).toMatchObject({
      url: 'http://127.0.0.1:5090',
    });
  });

  test("the administrator's token goes to no other machine", async () => {
    expect(await find({ server: 'https://gantry.example.org' })).toEqual({
      url: 'https://gantry.example.org',
    });
    expect(await find({ server: 'http://localhost:1' })).toEqual({
      url: 'http://localhost:1',
      token: 'the-admin-token',
    });
  });

  test('what is odd about the configuration is said once on standard error', async () => {
    await find({}, { GANTRY_CRANE_LISTN: '1' });
    expect(said).toBe(
      'gantry: warning: the environment variable GANTRY_CRANE_LISTN sets nothing; did you mean GANTRY_CRANE_LISTEN?\n',
    );
  });

  test('a port that the system chose is not known here', async () => {
    await writeFile(path.join(cwd, 'gantry.yaml'), 'api: { listen: "127.0.0.1:0" }');
    await expect(find({})).rejects.toThrow("api.listen has port 0, so nobody knows the server's address");
  });

  test.each([
    ['http://127.0.0.1:1', true],
    ['http://127.8.9.10', true],
    ['http://localhost', true],
    ['http://[::1]:5', true],
    ['http://127.0.0.1.example.org', false],
    ['http://localhost.example.org', false],
    ['https://10.0.0.1', false],
  ])('%s is of this machine: %s', (url, expected) => {
    expect(isLoopback(url)).toBe(expected);
  });
});
