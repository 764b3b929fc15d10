import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AUDIT_ORIGIN, type AuditEntry, chain } from '@gantry/catalog';
import { startApiServer } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

const at = '2026-11-21T09:00:00.000Z';

/** A server that has this log. */
const serve = (log: readonly AuditEntry[]) =>
  startApiServer({
    'GET /api/v1/audit/entries': ({ query }) => {
      const items = log.filter(({ sequence }) => sequence > Number(query['after'])).slice(0, 2);
      return { body: { items, next: items.at(-1)?.sequence ?? null } };
    },
    'GET /api/v1/audit': () => ({ body: { items: log.toReversed(), next: null } }),
  });

async function verify(log: readonly AuditEntry[], ...more: string[]) {
  await using server = await serve(log);
  return await gantry(['audit', 'verify', ...more, '--server', server.url]);
}

describe('gantry tokens', () => {
  const token = {
    id: 't1',
    name: 'ci',
    scopes: ['read', 'report:ci'],
    groups: [],
    createdBy: 'admin',
    createdAt: at,
    expiresAt: null,
    revoked: null,
  };
  const made = { ...token, token: 'gantry_t1_secret' };

  test('make prints the token alone, once, and says the rest on standard error', async () => {
    await using server = await startApiServer({ 'POST /api/v1/tokens': () => ({ status: 201, body: made }) });
    const make = (...more: string[]) =>
      gantry(['tokens', 'make', 'ci', '--scope', 'read', 'report:ci', ...more, '--server', server.url]);
    expect(await make('--group', 'qa', '--expires', '2998-12-31')).toEqual({
      code: 0,
      out: 'gantry_t1_secret\n',
      err: 'ci: read report:ci, without an end. Keep the token: it is shown this once\n',
    });
    expect(await make('--output', 'plain')).toEqual({ code: 0, out: 'gantry_t1_secret\n', err: '' });
    expect(JSON.parse((await make('--output', 'json')).out)).toEqual(made);
    expect(server.requests.slice(0, 2).map(({ body }) => body)).toEqual([
      {
        name: 'ci',
        scopes: ['read', 'report:ci'],
        groups: ['qa'],
        expiresAt: '2999-01-01T00:00:00.000Z',
      },
      { name: 'ci', scopes: ['read', 'report:ci'] },
    ]);
  });

  test('list shows those in force, and all with --all; revoke names one', async () => {
    const revoked = { ...token, id: 't0', revoked: { by: 'admin', at } };
    await using server = await startApiServer({
      'GET /api/v1/tokens': () => ({ body: { items: [token, revoked], next: null } }),
      'DELETE /api/v1/tokens/ci': () => ({ body: revoked }),
    });
    const tokens = (...words: string[]) => gantry(['tokens', ...words, '--server', server.url]);
    const { out } = await tokens();
    expect(out).toContain('ci    read report:ci  -       2026-11-21 09:00:00Z  admin  never    -        t1');
    expect(out).not.toContain('t0');
    expect((await tokens('list', '--all')).out).toContain('t0');
    expect(await tokens('revoke', 'ci')).toMatchObject({ code: 0, out: 'token ci: revoked\n' });
  });

  test('whoami says who the server takes one for', async () => {
    const body = { name: 'ci', scopes: ['read', 'report:ci'], groups: ['qa'] };
    await using server = await startApiServer({ 'GET /api/v1/whoami': () => ({ body }) });
    const { out } = await gantry(['whoami', '--server', server.url]);
    expect(out).toBe('ci\n  scopes: read report:ci\n  groups: qa\n');
  });
});

describe('gantry audit', () => {
  const entries: AuditEntry[] = [];
  for (const action of ['createPromotion', 'approvePromotion', 'createToken']) {
    const fact = { at, actor: 'anna', via: 'api', action, target: 'stable', outcome: 'done' } as const;
    entries.push(chain(entries.at(-1) ?? AUDIT_ORIGIN, fact));
  }
  const [first, second, third] = entries as [AuditEntry, AuditEntry, AuditEntry];
  test('list shows who did what', async () => {
    await using server = await serve(entries);
    const { out } = await gantry(['audit', '--actor', 'anna', '--limit', '1', '--server', server.url]);
    expect(out.split('\n')[1]).toBe(
      '       3  2026-11-21 09:00:00Z  anna   api  createToken  stable  done     -',
    );
    expect(server.requests[0]?.query).toEqual({ actor: 'anna', limit: '1' });
  });

  test('verify goes along the whole chain, and says its head', async () => {
    expect(await verify(entries)).toEqual({
      code: 0,
      out: `3 entries, none changed, the last is 3 with hash ${third.hash}\n`,
      err: '',
    });
    expect(await verify([first])).toMatchObject({ out: expect.stringContaining('1 entry, none changed') });
    expect(await verify([])).toMatchObject({ code: 0, out: '0 entries, none changed\n' });
  });

  test.each([
    ['that was changed', [first, { ...second, actor: 'otto' }, third], 'entry 2 was changed'],
    ['that is gone', [first, third], 'entry 3 follows entry 1: what was between them is gone'],
    ['that stands twice', [first, first, second], 'entry 1 follows entry 1: it stands twice'],
    ['that was put in', [first, { ...second, previous: third.hash }, third], 'entry 2 does not follow'],
  ])('verify of a log with an entry %s ends with 1 and says which', async (_, log, problem) => {
    const { code, out, err } = await verify(log);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`gantry: the audit log is broken: ${problem}`);
  });

  test('verify tells by a hash that was noted that the end of the log is gone', async () => {
    expect(await verify(entries, '--expect', second.hash)).toMatchObject({ code: 0 });
    const { code, err } = await verify([first], '--expect', second.hash);
    expect(code).toBe(1);
    expect(err).toContain(`no entry has the hash ${second.hash}: the log ends at 1`);
    const { out } = await verify([first], '--expect', second.hash, '--output', 'json');
    expect(JSON.parse(out)).toMatchObject({ entries: 1, head: { sequence: 1, hash: first.hash } });
  });

  test('export prints JSON lines, which verify proves without a server, in parts too', async () => {
    const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-audit-'));
    try {
      await using server = await serve(entries);
      const exported = (...more: string[]) => gantry(['audit', 'export', ...more, '--server', server.url]);
      const { out } = await exported();
      expect(out).toBe(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      const [line = '', ...lines] = out.split(/(?<=\n)/);
      expect((await exported('--after', '1')).out).toBe(lines.join(''));
      await writeFile(path.join(cwd, '1.jsonl'), line);
      await writeFile(path.join(cwd, '2.jsonl'), lines.join(''));
      await writeFile(path.join(cwd, 'cut.jsonl'), line.slice(0, 40));
      await writeFile(path.join(cwd, 'null.jsonl'), `${line}null\n`);
      const offline = (...files: string[]) => gantry(['audit', 'verify', ...files], { cwd });
      await writeFile(path.join(cwd, 'empty.jsonl'), '');
      expect(await offline('empty.jsonl')).toMatchObject({
        code: 1,
        out: '',
        err: 'gantry: no entries in empty.jsonl: that proves nothing\n',
      });
      const asJson = await offline('empty.jsonl', '--output', 'json');
      expect([asJson.code, JSON.parse(asJson.out).problem]).toEqual([1, 'no entries']);
      expect(await offline('1.jsonl', '2.jsonl')).toMatchObject({ code: 0 });
      expect(await offline('2.jsonl')).toMatchObject({ code: 1 });
      expect(await offline('cut.jsonl')).toMatchObject({
        code: 2,
        err: expect.stringMatching(/^gantry: cut\.jsonl:1: .*JSON/),
      });
      expect(await offline('null.jsonl')).toMatchObject({
        code: 2,
        err: 'gantry: null.jsonl:2: this is no entry of an audit log\n',
      });
    } finally {
      await rm(cwd, { recursive: true });
    }
  });
});

describe('gantry read-only', () => {
  test('switches, and says how it is', async () => {
    let mode: object = { on: false, reason: null, by: null, at: null };
    await using server = await startApiServer({
      'GET /api/v1/read-only': () => ({ body: mode }),
      'POST /api/v1/read-only': ({ body }) => ({
        body: (mode = { reason: null, ...(body as object), by: 'admin', at }),
      }),
    });
    const readOnly = (...words: string[]) => gantry(['read-only', ...words, '--server', server.url]);
    expect(await readOnly()).toMatchObject({ code: 0, out: 'read-only: off\n' });
    const on = 'read-only: on, by admin, since 2026-11-21 09:00:00Z: the disk is moved\n';
    expect(await readOnly('on', '--reason', 'the disk is moved')).toMatchObject({ code: 0, out: on });
    expect(await readOnly('status')).toMatchObject({ out: on });
    expect(await readOnly('off')).toMatchObject({ out: expect.stringContaining('read-only: off, by admin') });
  });
});
