import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS: Readonly<Record<string, string>> = {
  A: '../../apps/promote/src/api',
  C: '../../apps/promote/src',
  F: '../faults',
  E: '../engines',
  S: '../../packages/service/src',
  O: '../../packages/oci/src',
  R: '../../apps/crane/src',
};
const read = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8');

const rows = [...read('README.md').matchAll(/^\| (.+) \| (\S+\.test\.ts) \| (.+) \|$/gm)].map(
  ([, attack = '', file = '', title = '']) => ({ attack, file, title }),
);

test('the table of attacks has its rows', () => {
  expect(rows.length).toBeGreaterThan(35);
});

test.each(rows)('$attack: the test that the table names is there', ({ file, title }) => {
  const place = file.replace(/^([A-Z])\//, (_, folder: string) => `${FOLDERS[folder]}/`);
  // A title may be a template, or broken over lines.
  expect(read(place)).toContain(title);
});
