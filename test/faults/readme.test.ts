import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS: Readonly<Record<string, string>> = {
  C: '../../packages/pipeline/src/collect/tree',
  S: '../../packages/pipeline/src/sync',
  R: '../../packages/registry/src',
  O: '../../packages/oci/src',
  P: '../../packages/pipeline/src/publish',
  T: '../../packages/pipeline/src/take-back',
  V: '../../packages/pipeline/src/events',
  G: '../../packages/pipeline/src/gate',
  E: '../engines',
};
const read = (name: string) => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8');

const rows = [...read('README.md').matchAll(/^\| (.+) \| (\S+\.test\.ts) \| (.+) \|$/gm)].map(
  ([, fault = '', file = '', title = '']) => ({ fault, file, title }),
);

test('the table of faults has its rows', () => {
  expect(rows.length).toBeGreaterThan(75);
});

test.each(rows)('$fault: the test that the table names is there', ({ file, title }) => {
  const place = file.replace(/^([A-Z])\//, (_, folder: string) => `${FOLDERS[folder]}/`);
  // A title may be a template, or broken over lines.
  expect(read(place)).toContain(title);
});
