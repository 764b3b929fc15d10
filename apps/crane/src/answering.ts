import type { RequestListener } from 'node:http';
import { type AccessLog, TimedRequest } from './access-log/access-log.ts';
import { createCatalog } from './answer/catalog.ts';
import { createDelivery } from './answer/deliver.ts';
import { createHistory } from './answer/history.ts';
import { createManifestBytes } from './answer/manifest-bytes.ts';
import { withNumericErrors } from './answer/numeric-errors.ts';
import { createResponder } from './answer/responder.ts';
import { createSuitManifest } from './answer/suited-manifest.ts';
import type { Clients } from './client/clients.ts';
import type { Lookout } from './lookout.ts';
import type { CraneCounts } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import { createFactsReader } from './page/manifest-facts.ts';
import { createPage } from './page/page.ts';
import type { Guard } from './private/guard.ts';
import { createReadableNames } from './private/readable-names.ts';
import type { RareErrors } from './rare-errors.ts';
import type { PublishedNames } from './repositories/published-names.ts';
import { createRepositories } from './repositories/repositories.ts';
import type { Search } from './search/search.ts';

const MIB = 1024 * 1024;
/** What is kept in memory: packed repositories, and manifests that are served. */
const REPOSITORY_BYTES = 32 * MIB;
const MANIFEST_BYTES = 8 * MIB;

/** What a crane's answers are made of. */
export interface AnsweringParts {
  readonly lookout: Lookout;
  readonly clients: Clients;
  readonly publishedNames: PublishedNames;
  /** Absent: nothing is private. */
  readonly guard: Guard | undefined;
  /** Absent: nothing can be looked for. */
  readonly search: Search | undefined;
  /** Absent: nobody wants to know what was answered. */
  readonly accessLog: AccessLog | undefined;
  readonly counts: CraneCounts;
  readonly tellError: RareErrors;
}

/** What answers a crane's requests: each is answered from what the lookout sees, counted and noted in the access log. */
export function createAnswering(options: CraneOptions, parts: AnsweringParts): RequestListener {
  const { lookout, clients, publishedNames, guard, search, accessLog, counts, tellError } = parts;
  const { place, source, view, prober, signUrl, sight } = lookout;
  const { tree: treeState, redirectJson } = sight;
  const directory = place !== undefined && 'directory' in place ? place.directory : undefined;

  const repositories = createRepositories({
    source,
    maxBytes: REPOSITORY_BYTES,
    treeState,
    tellError,
    failures: counts.unreadableDocuments,
  });
  const readableNames = createReadableNames(publishedNames);
  const manifests = createManifestBytes(source, MANIFEST_BYTES);
  const deliver = createDelivery({
    manifests,
    view,
    directory,
    tellError,
    onSent(request, sent) {
      counts.answer(sent.answer, sent.status);
      if (request instanceof TimedRequest) accessLog?.note(request, clients(request).address, sent);
    },
  });
  return createResponder({
    repositories,
    history: createHistory({ source, view, tellError }),
    ...(options.catalog === true && { catalog: createCatalog(readableNames, redirectJson) }),
    ...(options.page === true && {
      page: createPage({
        readableNames,
        repositories,
        facts: createFactsReader(source),
        treeState,
        mirrors: sight.mirrors,
        tellError,
        ...(search !== undefined && { search }),
        ...(options.name !== undefined && { name: options.name }),
      }),
    }),
    ...(search !== undefined && { search }),
    suitManifest: createSuitManifest(manifests, tellError),
    deliver: options.compat === true ? withNumericErrors(deliver) : deliver,
    ...(redirectJson !== undefined && { redirectJson }),
    site: {
      get mirrors() {
        return prober.states;
      },
      manifests: options.manifests,
      status: options.status,
      get servesBlobs() {
        return prober.states.length === 0 && directory !== undefined;
      },
      get servesPrivateBlobs() {
        return !prober.states.some(({ mirror }) => mirror.isSigned) && directory !== undefined;
      },
      ...(redirectJson !== undefined && { redirectFileHosts: () => redirectJson.hosts }),
      ...(signUrl !== undefined && { signUrl }),
    },
    clients,
    ...(guard !== undefined && { guard }),
    tellError,
  });
}
