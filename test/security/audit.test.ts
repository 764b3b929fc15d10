import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { AuditEntry } from '@gantry/catalog';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

const real = needs('python3');

/** The program that docs/security.md shows, and what it says of some lines. */
async function verify(lines: readonly object[]): Promise<{ code: number; said: string }> {
  const page = await readFile(fileURLToPath(new URL('../../docs/security.md', import.meta.url)), 'utf8');
  const [, program = ''] = /^```python\n(.*?)^```$/ms.exec(page) ?? [];
  const child = spawn('python3', ['-c', program], { stdio: 'pipe' });
  child.stdin.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const [said, complaint, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { code, said: said + complaint };
}

/** What it says of a log that is not as it was written from an entry on. */
function broken(sequence: number): { code: number; said: string } {
  return { code: 1, said: `entry ${sequence} is not as it was written\n` };
}

real.test(
  'the audit log is verified without Gantry, and what was changed in it is named',
  async () => {
    await using folder = await temporaryFolder('audit');
    const configuration = await embeddedConfiguration({});
    await using gantry = await startGantry({ folder: folder.path, configuration });
    const { api } = gantry;
    const reasons = [
      'plain',
      'ünï-çødé ☃ 𝒳',
      'quotes " and \\ and / and \u007f',
      'lines\n\ttabs\r\b\f',
      '<>&\u2028',
    ];
    for (const reason of reasons) {
      await api.call('POST', '/api/v1/read-only', { body: { on: false, reason } });
      await api.call('DELETE', `/api/v1/promotions/${encodeURIComponent(reason)}`);
    }
    const { body } = await api.call<{ items: AuditEntry[] }>('GET', '/api/v1/audit/entries');
    const entries = body.items;
    expect(entries).toHaveLength(10);
    const { body: head } = await api.call<{ hash: string }>('GET', '/api/v1/audit/head');
    expect(await verify(entries)).toEqual({ code: 0, said: `10 ${head.hash}\n` });

    const [first, second, third, ...rest] = entries as [AuditEntry, AuditEntry, AuditEntry];
    expect(await verify([first, { ...second, actor: 'somebody else' }, third, ...rest])).toEqual(broken(2));
    expect(await verify([first, third, ...rest])).toEqual(broken(3));
    expect(await verify([first, second, second, third])).toEqual(broken(2));
    expect(await verify([second, first])).toEqual(broken(2));
  },
  60_000,
);
