import { parseDigest, parseRepositoryName, parseTag } from '@gantry/oci';
import { z } from 'zod';
import { READ } from '../access.ts';
import { DigestText, RepositoryText, TagText } from '../content-names.ts';
import { PAGING, SINCE } from '../paging.ts';
import { route } from '../route.ts';
import { CandidateView, presentCandidate } from '../views/candidate.ts';
import { pageOf } from '../views/named.ts';

export const CANDIDATE_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/candidates',
    name: 'listCandidates',
    summary: 'What was synced, newest first',
    access: READ,
    query: z.strictObject({
      repository: RepositoryText.exactOptional().describe('The published name'),
      tag: TagText.exactOptional(),
      digest: DigestText.exactOptional(),
      since: SINCE,
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of candidates', view: pageOf(CandidateView) } },
    faults: ['NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID'],
    async handle({ query: { repository, tag, digest, ...rest }, api }) {
      const { items, next } = await api.flow.catalog.candidates.list({
        ...rest,
        ...(repository === undefined ? {} : { repository: parseRepositoryName(repository) }),
        ...(tag === undefined ? {} : { tag: parseTag(tag) }),
        ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
      });
      return { status: 200, json: { items: items.map(presentCandidate), next } };
    },
  }),
];
