import { Fault } from '@gantry/oci';
import { openApi } from '../api.fixture.ts';

describe('operations', () => {
  test('health and readiness need no token, and a question after them does no harm', async () => {
    await using api = await openApi();
    const ready = { status: 'ok', checks: {}, readOnly: false };
    for (const [path, expected] of [
      ['/healthz', { status: 'ok', checks: {} }],
      ['/readyz', ready],
      ['/readyz?verbose=1&verbose=2', ready],
    ] as const) {
      const { status, body } = await api.call('GET', path, { token: null });
      expect([status, body]).toEqual([200, expected]);
    }
  });

  test('readiness is 503 when something does not answer, and says what', async () => {
    await using api = await openApi();
    api.health.addCheck('catalog', () => {
      throw new Fault('UNAVAILABLE', 'the catalog does not answer');
    });
    const { status, body } = await api.call('GET', '/readyz', { token: null });
    expect([status, body]).toEqual([
      503,
      { status: 'unavailable', checks: { catalog: 'the catalog does not answer' } },
    ]);
    expect((await api.call('GET', '/healthz', { token: null })).status).toBe(200);
  });

  test('figures count requests by route and status, never by what callers make up', async () => {
    await using api = await openApi();
    await api.call('GET', '/api/v1/tasks/one');
    await api.call('GET', '/api/v1/tasks/two');
    await api.call('GET', '/made/up');
    const { status, body, headers } = await api.call('GET', '/metrics', { token: 'reader' });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=/);
    expect(body).toContain(
      'gantry_api_requests_total{method="GET",route="/api/v1/tasks/{id}",status="404",service="promote"} 2',
    );
    expect(body).toContain(
      'gantry_api_requests_total{method="GET",route="none",status="404",service="promote"} 1',
    );
    expect(body).not.toContain('made');
  });
});
