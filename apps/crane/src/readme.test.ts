import { readdir, readFile } from 'node:fs/promises';

const source = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');
const picture = (await source('../README.md')).split('```mermaid')[1]?.split('```')[0] ?? '';

test('the picture of how a request is answered has each route', async () => {
  const route = await source('./answer/route.ts');
  const kinds = new Set([...route.matchAll(/readonly kind: '([a-z]+)'/g)].map(([, kind]) => kind));
  kinds.delete('refused'); // by its errors
  expect(kinds.size).toBeGreaterThan(5);
  for (const kind of kinds) expect(picture).toMatch(new RegExp(`\\b${kind}[[{]`));
});

test('the picture has each error that the crane answers with', async () => {
  const files = (await readdir(new URL('.', import.meta.url), { recursive: true })).filter((name) =>
    /^(?:(?:answer|private|redirect-json)\/)?[a-z0-9-]+\.ts$/.test(name),
  );
  const errors = new Set<string>();
  for (const name of files)
    for (const [, status, code] of (await source(name)).matchAll(
      /(?<!function )errorAnswer\(\s*[^,]+,\s*([0-9]{3}),\s*'([A-Z_]+)'/g,
    ))
      errors.add(`${status} ${code}`);
  expect(errors).toContain('404 NAME_UNKNOWN');
  expect(errors).toContain('401 UNAUTHORIZED');
  for (const error of errors) {
    const [status, code] = error.split(' ');
    expect([error, new RegExp(`\\[${status} [^\\]]*${code}`).test(picture)]).toEqual([error, true]);
  }
});
