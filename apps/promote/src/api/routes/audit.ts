import { AUDIT_ORIGIN } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { z } from 'zod';
import { ADMIN } from '../access.ts';
import { PAGING, SINCE } from '../paging.ts';
import { type Route, route } from '../route.ts';
import { AuditEntriesView, AuditEntryView, AuditHeadView, presentAuditEntry } from '../views/audit.ts';
import { pageOf } from '../views/named.ts';

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;
/** The sequence of an entry in a query. */
const After = z
  .string()
  .refine((text) => /^\d{1,16}$/.test(text) && Number(text) <= SEQUENCE_MAX, {
    error: `is not a sequence: a whole number from 0 to ${SEQUENCE_MAX} is`,
  })
  .transform(Number)
  .default(0)
  .meta({ type: 'integer', minimum: 0, maximum: SEQUENCE_MAX, description: 'Those after this sequence' });

/** @param routes all that are served: what may have been done goes by their names */
export const auditRoutes = (routes: () => readonly Route[]): readonly Route[] => [
  route({
    method: 'GET',
    path: '/api/v1/audit',
    name: 'listAudit',
    summary: 'Who did what with what outcome, newest first',
    access: ADMIN,
    query: z.strictObject({
      actor: z.string().max(600).exactOptional(),
      action: z.string().max(200).exactOptional(),
      since: SINCE,
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of entries', view: pageOf(AuditEntryView) } },
    async handle({ query, api }) {
      if (query.action !== undefined) checkAction(query.action, routes());
      const { items, next } = await api.flow.catalog.audit.list(query);
      return { status: 200, json: { items: items.map(presentAuditEntry), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/entries',
    name: 'readAudit',
    summary: 'The audit log in its order, to be verified',
    access: ADMIN,
    query: z.strictObject({ after: After, limit: PAGING.limit }),
    answers: { 200: { description: 'Entries', view: AuditEntriesView } },
    async handle({ query: { after, limit }, api }) {
      const entries = await api.flow.catalog.audit.after(after, limit + 1);
      const shown = entries.slice(0, limit);
      const last = entries.length > shown.length ? shown.at(-1) : undefined;
      return {
        status: 200,
        json: { items: shown.map(presentAuditEntry), next: last?.sequence ?? null },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/audit/head',
    name: 'getAuditHead',
    summary: 'The end of the audit log: keep it elsewhere, and nobody can shorten the log unnoticed',
    access: ADMIN,
    answers: { 200: { description: 'The last entry', view: AuditHeadView } },
    async handle({ api }) {
      const head = await api.flow.catalog.audit.head();
      const { sequence, hash } = head ?? AUDIT_ORIGIN;
      return { status: 200, json: { sequence, hash, at: head?.at ?? null } };
    },
  }),
];

/**
 * An action that nothing goes by would look as if nobody had done it. A command that is unknown is recorded by its routing
 * key, and a read that was denied by its name.
 * @throws Fault REQUEST_INVALID
 */
function checkAction(action: string, routes: readonly Route[]): void {
  const known = routes.filter(({ access }) => access !== 'open');
  if (action.startsWith('command.') || known.some(({ name }) => name === action)) return;
  const changing = known.filter(({ changes }) => changes).map(({ name }) => name);
  throw new Fault(
    'REQUEST_INVALID',
    `action: there is no ${quote(action)}: there are ${changing.join(', ')}; the other operations of the API, where a caller was not allowed; and command.<name> of unknown messages`,
    { at: 'action' },
  );
}
