import type { HealthReport } from '@gantry/service';
import { READ } from '../access.ts';
import { type Answer, openRoute, route } from '../route.ts';
import { HealthView } from '../views/health.ts';

export const OPERATION_ROUTES = [
  openRoute({
    path: '/healthz',
    name: 'health',
    summary: 'Whether the process lives',
    answers: { 200: { description: 'It does', view: HealthView } },
    handle: async ({ api }) => answerHealth(api.health.live()),
  }),
  openRoute({
    path: '/readyz',
    name: 'readiness',
    summary: 'Whether what the service depends on answers',
    answers: {
      200: { description: 'It does', view: HealthView },
      503: { description: 'It does not, or the service is about to end', view: HealthView },
    },
    async handle({ api }) {
      const report = await api.health.ready();
      if (!report.ok) return answerHealth(report);
      const state = await api.readOnly.state().catch(() => undefined);
      return answerHealth(report, state === undefined ? {} : { readOnly: state.on });
    },
  }),
  route({
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    summary: "Figures, in Prometheus's text format",
    access: READ,
    answers: { 200: { description: 'The figures', contentType: 'text/plain' } },
    async handle({ api }) {
      return { status: 200, text: await api.metrics.render() };
    },
  }),
];

function answerHealth({ ok, checks }: HealthReport, more: { readonly readOnly?: boolean } = {}): Answer {
  return { status: ok ? 200 : 503, json: { status: ok ? 'ok' : 'unavailable', checks, ...more } };
}
