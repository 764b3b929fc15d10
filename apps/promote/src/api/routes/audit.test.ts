import { type AuditEntry, auditBreak, AUDIT_ORIGIN } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { type ApiFixture, openApi } from '../api.fixture.ts';

const PROMOTIONS = '/api/v1/promotions';
const items = [{ repository: 'a', reference: '1' }];

/** The log as its readers get it, oldest first. */
async function entriesOf(api: ApiFixture): Promise<AuditEntry[]> {
  return (await api.call('GET', '/api/v1/audit/entries?limit=1000')).body.items;
}

describe('the audit log', () => {
  test('has who did what to what, with what outcome, before the caller is answered', async () => {
    await using api = await openApi();
    await api.putCandidate('a', '1');
    const { body: promotion } = await api.call('POST', PROMOTIONS, {
      token: 'tester',
      body: { to: 'testing', items, reason: 'as the release plan says' },
      headers: { 'X-Request-Id': 'build-4711' },
    });
    await api.call('POST', PROMOTIONS, { token: 'tester', body: { to: 'stable', items } });
    await api.call('POST', PROMOTIONS, { token: 'reader', body: '{"not":"looked at"}' });
    await api.call('POST', '/api/v1/syncs', { token: 'syncer', body: { source: 'none' } });
    await api.call('DELETE', `${PROMOTIONS}/${promotion.id}`, { token: 'both' });

    const entries = await entriesOf(api);
    expect(
      entries.map(({ at: _at, previous: _previous, hash: _hash, requestId: _id, ...rest }) => rest),
    ).toEqual([
      {
        sequence: 1,
        actor: 'tester',
        via: 'api',
        action: 'createPromotion',
        target: `testing ${promotion.id}`,
        outcome: 'done',
        status: 202,
        reason: 'as the release plan says',
      },
      {
        sequence: 2,
        actor: 'tester',
        via: 'api',
        action: 'createPromotion',
        target: 'stable',
        outcome: 'refused',
        status: 403,
        problem: 'urn:gantry:problem:denied',
      },
      {
        sequence: 3,
        actor: 'reader',
        via: 'api',
        action: 'createPromotion',
        target: '',
        outcome: 'refused',
        status: 403,
        problem: 'urn:gantry:problem:denied',
      },
      {
        sequence: 4,
        actor: 'syncer',
        via: 'api',
        action: 'createSync',
        target: 'none',
        outcome: 'refused',
        status: 404,
        problem: 'urn:gantry:problem:source-unknown',
      },
      {
        sequence: 5,
        actor: 'both',
        via: 'api',
        action: 'cancelPromotion',
        target: promotion.id,
        outcome: 'done',
        status: 200,
      },
    ]);
    expect(entries[0]?.requestId).toBe('build-4711');
  });

  test('tells a dry run from a promotion, and has the comment of an approval as its reason', async () => {
    await using api = await openApi();
    await api.putCandidate('a', '1');
    const body = { to: 'testing', items, dryRun: true };
    const { body: plan } = await api.call('POST', PROMOTIONS, { token: 'tester', body });
    const comment = 'read the notes';
    await api.call('POST', `${PROMOTIONS}/none/approvals`, { body: { comment } });
    const entries = await entriesOf(api);
    expect(entries.map(({ target, reason }) => [target, reason])).toEqual([
      [`testing plan ${plan.id}`, undefined],
      ['none', comment],
    ]);
  });

  test('has what a caller was not allowed to read, but neither what was read nor who is nobody', async () => {
    await using api = await openApi();
    await api.call('GET', PROMOTIONS, { token: 'reader' });
    await api.call('POST', PROMOTIONS, { token: null, body: { to: 'testing', items } });
    await api.call('GET', '/api/v1/audit', { token: 'reader' });
    const entries = await entriesOf(api);
    expect(entries.map(({ actor, action, outcome }) => [actor, action, outcome])).toEqual([
      ['reader', 'listAudit', 'refused'],
    ]);
  });

  test('is a chain that anybody can check, however many write at once', async () => {
    await using api = await openApi();
    await Promise.all(
      Array.from({ length: 50 }, () =>
        api.call('POST', '/api/v1/syncs', { token: 'syncer', body: { source: 'candidates' } }),
      ),
    );
    const seen: AuditEntry[] = [];
    for (let after: number | null = 0; after !== null;) {
      const { body } = await api.call('GET', `/api/v1/audit/entries?after=${after}&limit=7`);
      seen.push(...body.items);
      after = body.next;
    }
    expect(seen).toHaveLength(50);
    let former: Pick<AuditEntry, 'sequence' | 'hash'> = AUDIT_ORIGIN;
    for (const entry of seen) {
      expect(auditBreak(former, entry)).toBeUndefined();
      former = entry;
    }
    const { body: head } = await api.call('GET', '/api/v1/audit/head');
    expect(head).toEqual({ sequence: 50, hash: former.hash, at: seen.at(-1)?.at });
  });

  test('is listed newest first, by who, what and since when', async () => {
    await using api = await openApi();
    const { body: empty } = await api.call('GET', '/api/v1/audit/head');
    expect(empty).toEqual({ sequence: 0, hash: '0'.repeat(64), at: null });
    for (const token of ['syncer', 'ci', 'syncer'] as const)
      await api.call('POST', '/api/v1/syncs', { token, body: { source: 'candidates' } });
    await api.call('POST', '/api/v1/publications', { token: 'both' });
    const list = async (query: string) => {
      const { items: found } = await api.listAll(`/api/v1/audit?${query}`, 2);
      return (found as AuditEntry[]).map(({ sequence }) => sequence);
    };
    expect(await list('')).toEqual([4, 3, 2, 1]);
    expect(await list('actor=syncer')).toEqual([3, 1]);
    expect(await list('action=createPublication')).toEqual([4]);
    expect(await list('actor=syncer&action=createPublication')).toEqual([]);
    expect(await list('since=2999-01-01T00:00:00Z')).toEqual([]);
  });

  test('is not listed by an action that there is not: it would seem that nobody did it', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('GET', '/api/v1/audit?action=nonsense');
    expect([status, body.type, body.at]).toEqual([400, 'urn:gantry:problem:request-invalid', 'action']);
    expect(body.detail).toContain('there is no "nonsense": there are createSync, ');
    for (const action of ['getPromotion', 'command.unknown', 'createWaiver'])
      expect((await api.call('GET', `/api/v1/audit?action=${action}`)).status).toBe(200);
  });

  test('tells callers apart whose names are as long as they may be', async () => {
    const long = `oidc:${'x'.repeat(255)}`;
    const identify = async (credentials?: string) => ({
      name: credentials === 'Bearer admin-token' ? 'admin' : `${long}${credentials?.at(-1)}`,
      scopes: ['admin'] as const,
      groups: [],
    });
    await using api = await openApi({ authenticator: { identify } });
    for (const end of ['a', 'b'])
      await api.call('POST', '/api/v1/publications', { token: null, headers: { Authorization: end } });
    expect((await entriesOf(api)).map(({ actor }) => actor)).toEqual([`${long}a`, `${long}b`]);
    const { body } = await api.call('GET', `/api/v1/audit?actor=${long}b`);
    expect(body.items).toHaveLength(1);
  });

  test('never has a credential, nor what would break a line', async () => {
    await using api = await openApi();
    const hostile = encodeURIComponent('x\r\n\u001b[2J\u202e\u2028y');
    await api.call('DELETE', `/api/v1/tasks/${hostile}`);
    await api.call('POST', '/api/v1/syncs', { token: 'syncer', body: { source: 'a\nb' } });
    const entries = await entriesOf(api);
    expect(entries).toHaveLength(2);
    for (const entry of entries) {
      // oxlint-disable-next-line no-control-regex -- these are what must not be there
      expect(entry.target).not.toMatch(/[\u0000-\u001f\u2028\u202e]/);
    }
    expect(JSON.stringify(entries)).not.toContain('-token');
  });

  test('has no token, nor is a token that somebody pasted into a path in the log of requests', async () => {
    await using api = await openApi();
    const { body } = await api.call('POST', '/api/v1/tokens', { body: { name: 'made', scopes: ['read'] } });
    const secret = body.token.split('_').slice(2).join('_');
    await api.call('DELETE', `/api/v1/tokens/${body.token}`);
    await api.call('GET', `/api/v1/promotions/${body.token}`, { token: 'syncer' });
    const entries = await entriesOf(api);
    expect(entries.map(({ action }) => action)).toEqual(['createToken', 'revokeToken', 'getPromotion']);
    expect(JSON.stringify([entries, api.lines])).not.toContain(secret);
    expect(entries[1]?.target).toBe(`gty_${body.id}_***`);
  });

  test('that can not be written: what was done is answered with a fault that says so', async () => {
    await using api = await openApi();
    await whileAuditFails(api, async () => {
      const done = await api.call('POST', '/api/v1/syncs', { body: { source: 'candidates' } });
      expect([done.status, done.body.detail]).toEqual([
        503,
        'it was done (202), but could not be written into the audit log: the disk is gone',
      ]);
      const refused = await api.call('POST', '/api/v1/syncs', { body: { source: 'none' } });
      expect([refused.status, refused.body.type]).toEqual([404, 'urn:gantry:problem:source-unknown']);
    });
    expect(api.lines.filter(({ event }) => event === 'audit.not_written')).toHaveLength(2);
    expect((await api.call('GET', '/api/v1/tasks')).body.items).toHaveLength(1);
    expect(await entriesOf(api)).toEqual([]);
  });
});

/** Has the catalog's audit log fail, and nothing else: a real catalog can't be made to show that. */
async function whileAuditFails({ flow }: ApiFixture, work: () => Promise<void>): Promise<void> {
  const audit: { append: unknown } = flow.catalog.audit;
  const former = audit.append;
  audit.append = async () => {
    throw new Fault('UNAVAILABLE', 'the disk is gone');
  };
  await work();
  audit.append = former;
}
