import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfiguration } from './load.ts';
import { configurationJsonSchema } from './schema.ts';
import { maskSecrets, showConfiguration } from './show.ts';

const TEXT = `
sources:
  - { name: a, registry: a.example, credentials: { username: u, password: hunter2 }, every: 1h30m }
  - { name: b, registry: "http://b.example", credentials: { tokenFile: ./secret } }
api: { tokens: [{ name: ci, token: hunter2, scopes: [read] }] }
crane: { tree: "https://m.example/t", adminListen: "[::1]:5082", poll: 1m }
`;

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-show-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

describe('what is in force', () => {
  test('secrets are masked, names of files stay', async () => {
    await writeFile(path.join(cwd, 'gantry.yaml'), TEXT);
    const { configuration } = await loadConfiguration({ env: {}, cwd });
    const shown = maskSecrets(configuration);
    expect(shown).toMatchObject({
      sources: [
        { credentials: { username: 'u', password: '********' }, every: '1h30m' },
        { credentials: { tokenFile: path.join(cwd, 'secret') }, registry: 'http://b.example' },
      ],
      api: { tokens: [{ name: 'ci', token: '********', scopes: ['read'] }] },
      crane: { tree: 'https://m.example/t', adminListen: '[::1]:5082', poll: '1m' },
    });
    for (const text of [
      JSON.stringify(shown),
      showConfiguration(configuration),
      JSON.stringify(configuration),
    ]) {
      expect(text).not.toContain('hunter2');
    }
  });

  test('what is shown is a file that says the same again', async () => {
    await writeFile(path.join(cwd, 'gantry.yaml'), TEXT);
    const { configuration } = await loadConfiguration({ env: {}, cwd });
    await writeFile(path.join(cwd, 'again.yaml'), showConfiguration(configuration));
    const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
    expect(await readFile(path.join(cwd, 'again.yaml'), 'utf8')).toBe(showConfiguration(again.configuration));
    expect(JSON.stringify(again.configuration)).toBe(JSON.stringify(configuration));
  });

  test('the JSON Schema knows every key, what it is for and its default', () => {
    const schema = configurationJsonSchema();
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      additionalProperties: false,
      properties: {
        crane: {
          properties: {
            status: { enum: [302, 307], default: 302 },
            poll: { type: 'string', default: '10s' },
          },
        },
        sources: { items: { required: ['name', 'registry'] } },
      },
    });
  });
});
