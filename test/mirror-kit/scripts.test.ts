import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { needs } from '../servers/parts.ts';
import { attempt } from '../servers/run.ts';

/** What is true of each script of the mirror kit, and by ShellCheck of the others that are shipped. */

const folder = fileURLToPath(new URL('../../scripts', import.meta.url));
const scripts = scriptsIn('mirror');

function scriptsIn(name: string): string[] {
  return readdirSync(`${folder}/${name}`)
    .map((file) => `${folder}/${name}/${file}`)
    .filter((file) => readFileSync(file, 'utf8').startsWith('#!/bin/sh\n'));
}

/** What a script may say of itself: findings that ShellCheck counts as informational, or as style. */
const MAY_BE_EXCEPTED = /^SC(2010|2012|2015|2016|2046|2086|2254|2317)$/;

describe('ShellCheck', () => {
  const real = needs('shellcheck');
  real.test('finds nothing in them, taken as POSIX shell', async () => {
    const checked = [...scripts, ...scriptsIn('from-pulp')];
    expect(checked.map((file) => file.slice(folder.length + 1))).toEqual([
      'mirror/gantry-filelist',
      'mirror/gantry-mirror',
      'mirror/gantry-push',
      'from-pulp/compare-cranes',
    ]);
    expect(await attempt('shellcheck', ['--shell=sh', ...checked])).toMatchObject({ code: 0, stdout: '' });
    const excepted = checked.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/shellcheck disable=([\w,]+)/g)].flatMap(([, codes = '']) =>
        codes.split(','),
      ),
    );
    expect(excepted.filter((code) => !MAY_BE_EXCEPTED.test(code))).toEqual([]);
  });
});

const shells = [
  ['dash', 'sh', []],
  ['BusyBox', 'busybox', ['sh']],
] as const;
describe.each(shells)('%s', (_, shell, words) => {
  const real = needs(...(shell === 'busybox' ? (['busybox'] as const) : []));
  real.test('runs each: what it says of itself, and exit 2 for what it does not know', async () => {
    for (const file of [...scripts, ...scriptsIn('from-pulp')]) {
      const help = await attempt(shell, [...words, file, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain(`usage: ${path.basename(file)} `);
      expect(await attempt(shell, [...words, file, '--nonsense'])).toMatchObject({ code: 2, stdout: '' });
      expect((await attempt(shell, [...words, file])).code).toBe(2);
    }
  });
});
