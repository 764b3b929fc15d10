import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const NAMES = [
  'sync',
  'tags',
  'crane',
  'crane-scale',
  'crane-choice',
  'workers',
  'catalog',
  's3',
  'promotions',
  'plans',
  'api',
  'gc',
  'mirror',
  'verify',
  'publish',
  'hidden',
  'redirect-json',
  'search',
];

function bench(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('npm run bench', () => {
  test.each(['--help', '-h'])('%s says which benchmarks there are, and runs none', (flag) => {
    const { status, stdout, stderr } = bench(flag);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: npm run bench /);
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test.each(['nosuch', '--foo', 'toString'])('%s is no benchmark: it says which there are', (name) => {
    const { status, stdout, stderr } = bench('sync', name);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`there is no benchmark "${name}": there are ${NAMES.join(', ')}`);
  });
});
