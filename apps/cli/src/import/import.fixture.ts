import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { gantry } from '../cli.fixture.ts';

/** Imports a text in a folder, has the result checked, and gives it with what was said on standard error. */
export async function importedIn(cwd: string, kind: string, text: string, ...options: readonly string[]) {
  await writeFile(path.join(cwd, 'theirs'), text);
  const { code, out, err } = await gantry(['config', 'import', kind, 'theirs', ...options], { cwd });
  expect([code, err.split('\n').filter((line) => line.startsWith('gantry:'))]).toEqual([0, []]);
  await writeFile(path.join(cwd, 'gantry.yaml'), out);
  const checked = await gantry(['config', 'check'], { cwd });
  expect([checked.code, checked.out]).toEqual([0, expect.stringMatching(/nothing is wrong|valid/)]);
  return {
    yaml: out,
    said: err.trimEnd().split('\n'),
    sources: (parse(out) as { sources?: Record<string, unknown>[] }).sources ?? [],
  };
}

/** A regsync.yml of one entry with these keys. */
export const entry = (keys: string) =>
  `sync:\n  - { source: r.example.org/a, target: t.example.org/a, type: repository, ${keys} }`;
/** An entry of a regsync.yml for one tag. */
export const image = (tag: string, keys: string) =>
  `{ source: "r.example.org/a:${tag}", target: "t.example.org/a:${tag}", type: image, ${keys} }`;
