import { randomUUID } from 'node:crypto';
import { OUTCOMES, type Result } from '@gantry/catalog';
import { Fault, parseDigest, parseRepositoryName, quote } from '@gantry/oci';
import { recordResults, resultId } from '@gantry/pipeline';
import type { Scope } from '@gantry/service';
import { z } from 'zod';
import { READ } from '../access.ts';
import { type ResultRequest, ResultsRequest } from '../gate-requests.ts';
import { DigestText } from '../content-names.ts';
import { PAGING, SINCE } from '../paging.ts';
import { REPORT, reportScope, reportingSource } from '../reporting.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentResult, ResultsView, ResultView } from '../views/result.ts';

const BODY_MAX_BYTES = 8 * 1024 * 1024;
/** Of a source, a colon and the id that was sent. */
const ID_MAX = 128 + 1 + 200;

export const RESULT_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/results',
    name: 'createResult',
    summary: 'Takes what tests came to, and has the gates asked again that wait for it',
    access: {
      ...REPORT,
      scopes: ({ caller, body }): readonly Scope[] => [
        ...new Set(listOf(body).map(({ source }) => reportScope(caller, source))),
      ],
    },
    body: ResultsRequest,
    bodyMaxBytes: BODY_MAX_BYTES,
    answers: { 201: { description: 'The result as it is kept; of a list, a list', view: ResultsView } },
    faults: ['DIGEST_INVALID', 'NAME_INVALID', 'REQUEST_UNPROCESSABLE', 'CONFLICT'],
    target: ({ body }) => targetOf(listOf(body)),
    async handle({ body, caller, api }) {
      const { flow, messages } = api;
      const origin = { submittedBy: caller.name, submittedAt: flow.now().toISOString() };
      const results = listOf(body).map((one) =>
        toResult(one, reportingSource(caller, one.source), one.id ?? randomUUID(), origin),
      );
      const kept = (await recordResults(flow, messages, results)).map(presentResult);
      return { status: 201, json: Array.isArray(body) ? kept : kept[0] };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/results',
    name: 'listResults',
    summary: 'What tests came to, newest first',
    access: READ,
    query: z.strictObject({
      digest: DigestText.exactOptional().describe('The image'),
      testcase: z.string().max(256).exactOptional(),
      source: z.string().max(256).exactOptional().describe('Which test system says so'),
      outcome: z.enum(OUTCOMES).exactOptional(),
      since: SINCE,
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of results', view: pageOf(ResultView) } },
    faults: ['DIGEST_INVALID'],
    async handle({ query: { digest, ...rest }, api }) {
      const { items, next } = await api.flow.catalog.results.list({
        ...rest,
        ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
      });
      return { status: 200, json: { items: items.map(presentResult), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/results/{id}',
    name: 'getResult',
    summary: 'What one test came to',
    access: READ,
    params: z.strictObject({ id: z.string().max(ID_MAX) }),
    answers: { 200: { description: 'The result', view: ResultView } },
    faults: ['RESULT_UNKNOWN'],
    async handle({ params: { id }, api }) {
      const result = await api.flow.catalog.results.get(id);
      if (result === undefined)
        throw new Fault('RESULT_UNKNOWN', `there is no result ${quote(id)}`, { result: id });
      return { status: 200, json: presentResult(result) };
    },
  }),
];

/** One result is a list of one. */
export function listOf(body: z.output<typeof ResultsRequest>): readonly ResultRequest[] {
  return Array.isArray(body) ? body : [body];
}

function targetOf(results: readonly ResultRequest[]): string {
  const digests = [...new Set(results.map(({ digest }) => digest))];
  return digests.length === 1 ? (digests[0] ?? '') : `${digests.length} digests`;
}

/**
 * A result as it is kept.
 * @param source which test system says so
 * @param id unique among those of the source
 * @throws Fault DIGEST_INVALID, NAME_INVALID
 */
export function toResult(
  request: ResultRequest,
  source: string,
  id: string,
  origin: Pick<Result, 'submittedBy' | 'submittedAt'>,
): Result {
  const { repository, testcase, outcome, ref_url: url, note } = request;
  const test = typeof testcase === 'string' ? { name: testcase, ref_url: null } : testcase;
  const data = Object.fromEntries(
    Object.entries(request.data ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? [value] : value,
    ]),
  );
  const scenario = request.scenario ?? data['scenario']?.[0];
  return {
    id: resultId(source, id),
    digest: parseDigest(request.digest),
    ...(repository === undefined ? {} : { repository: parseRepositoryName(repository) }),
    testcase: test.name,
    ...(test.ref_url == null ? {} : { testcaseUrl: test.ref_url }),
    outcome,
    source,
    ...(scenario === undefined || scenario === '' ? {} : { scenario }),
    ...(url == null ? {} : { url }),
    ...(note == null ? {} : { note }),
    groups: request.groups ?? [],
    data,
    ...origin,
  };
}
