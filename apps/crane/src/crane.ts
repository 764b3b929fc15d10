import { IncomingMessage, type RequestListener } from 'node:http';
import { asFault } from '@gantry/oci';
import { createHealth, listen } from '@gantry/service';
import { openAccessLog, TimedRequest } from './access-log/access-log.ts';
import { listenAdmin } from './admin.ts';
import { createCatalog } from './answer/catalog.ts';
import { createClients } from './client/clients.ts';
import { openGeoip } from './client/geoip.ts';
import { readTrustedProxies } from './client/forwarded.ts';
import type { CountSample } from './counters.ts';
import { createDelivery } from './answer/deliver.ts';
import { followChanges, openFollowedTree, placeOf } from './follow/followed-tree.ts';
import { createHistory } from './answer/history.ts';
import { linger } from './linger.ts';
import { createManifestBytes } from './answer/manifest-bytes.ts';
import { readMirrors } from './choose/mirror.ts';
import { createMirrorProber, type WantedObject } from './probe/mirror-prober.ts';
import type { MirrorReport } from './probe/mirror-report.ts';
import { createCounts } from './monitoring.ts';
import { withNumericErrors } from './answer/numeric-errors.ts';
import type { CraneOptions } from './options.ts';
import { createFactsReader } from './page/manifest-facts.ts';
import { createPage } from './page/page.ts';
import { openGuard, openSigner } from './private/open.ts';
import { createReadableNames } from './private/readable-names.ts';
import { createPublishedNames } from './repositories/published-names.ts';
import { publicServer } from './public-server.ts';
import { rareErrors } from './rare-errors.ts';
import { openRedirectJson } from './redirect-json/open-redirect-json.ts';
import { createRepositories } from './repositories/repositories.ts';
import { createResponder } from './answer/responder.ts';
import { openSearch } from './search/open-search.ts';
import type { HighestSerial } from './follow/serial-file.ts';
import { createToldMirrors } from './probe/told-mirrors.ts';
import { createSuitManifest } from './answer/suited-manifest.ts';
import { within } from './within.ts';

/** A crane that answers requests. Disposing of it stops accepting connections and lets requests under way end. */
export interface Crane extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:5080`. */
  readonly url: string;
  readonly adminUrl?: string;
  /** The serial that is served; undefined before the first. */
  serial(): number | undefined;
  /**
   * Reads the tree's pointer now. Returns when what it names is served, and, if it is new, a mirror was found to have it
   * (2 s are waited for that at the most).
   */
  refresh(): Promise<void>;
  /**
   * Takes other mirrors and proxies from now on; requests go on meanwhile. Its certificate and the files of places are read anew, too: of those
   * that can't be used the former ones stay, which is logged and counted.
   * @throws Fault CONFIGURATION_INVALID for one that can't be used; then all stays as it was
   */
  reconfigure(options: Pick<CraneOptions, 'mirrors' | 'trustedProxies'>): void;
  /** Opens the access log's file anew, as it may have been moved away. */
  reopenAccessLog(): void;
  /** Counts a new configuration that could not be read, beside other reloads that failed. */
  countRefusal(): void;
}

const MIB = 1024 * 1024;
/** What is kept in memory: packed repositories, other documents as they are encoded, manifests that are served. */
const REPOSITORY_BYTES = 32 * MIB;
const DOCUMENT_BYTES = 28 * MIB;
const MANIFEST_BYTES = 8 * MIB;

/** How long a new serial, and the start, wait for a mirror that has it. */
const MIRROR_WAIT_MS = 2000;
/** How long the start waits for a tree whose server is silent. */
const START_WAIT_MS = 5000;

/**
 * Starts a crane: reads the tree, probes the mirrors, listens.
 * @throws Fault CONFIGURATION_INVALID for a mirror, tree, serial file or address that can't be used
 */
export async function startCrane(options: CraneOptions): Promise<Crane> {
  return openCrane(options, undefined);
}

/** What a crane has of another process, which looks at the tree's pointer and at the mirrors for several. */
export interface Guide {
  /** What is known of the mirrors. */
  readonly mirrors: readonly MirrorReport[];
  /** The highest serial that was served before. */
  readonly highest?: HighestSerial;
  /** Told of a mirror that a client came back from. */
  readonly onSuspect: (mirror: string, object: WantedObject) => void;
}

/** A crane that looks at the tree's pointer when it is told to (`refresh`), and at no mirror. */
export interface GuidedCrane extends Crane {
  /** What the mirrors are like from now on. */
  takeMirrors(reports: readonly MirrorReport[]): void;
  /** What it has counted so far. */
  samples(): readonly CountSample[];
}

/**
 * Starts a crane that is one of several on one port (`startCraneGuide` guides them).
 * @throws Fault CONFIGURATION_INVALID for a mirror, tree or address that can't be used
 */
export async function startGuidedCrane(
  options: Omit<CraneOptions, 'adminListen' | 'serialFile'>,
  guide: Guide,
): Promise<GuidedCrane> {
  return openCrane(options, guide);
}

async function openCrane(options: CraneOptions, guide: Guide | undefined): Promise<GuidedCrane> {
  const { logger, pollMs, trustedKeys = [] } = options;
  const ofCrane = { publicName: options.name, seed: options.seed };
  let mirrors = readMirrors(options.mirrors, ofCrane);
  let trustedProxies = readTrustedProxies(options.trustedProxies);
  await using stack = new AsyncDisposableStack();
  const guard = options.private && stack.use(await openGuard(options.private, () => trustedProxies, logger));
  const signUrl = options.signedUrls && (await openSigner(options.signedUrls));
  const ending = new AbortController();
  stack.defer(() => ending.abort());

  const place = options.tree === undefined ? undefined : placeOf(options.tree);
  const directory = place !== undefined && 'directory' in place ? place.directory : undefined;
  const counts = createCounts();
  const tellError = rareErrors(logger);
  const accessLog =
    options.accessLog === undefined
      ? undefined
      : stack.use(
          await openAccessLog(options.accessLog, { droppedLines: counts.droppedAccessLines, tellError }),
        );
  let probed: Promise<void> = Promise.resolve();
  const redirectJson = openRedirectJson(options, counts, guide !== undefined);
  if (redirectJson !== undefined) stack.use(redirectJson);
  const search =
    options.search &&
    openSearch(options.search, {
      view: () => view(),
      logger,
      tellError,
      resources: stack,
      ...(place !== undefined && { place }),
      ...(redirectJson !== undefined && { redirectJson }),
    });
  const { source, follower, view } = await openFollowedTree({
    ...options,
    counts,
    cacheBytes: DOCUMENT_BYTES,
    signal: ending.signal,
    onSerial(next) {
      search?.follow(next);
      probed = prober.probe(MIRROR_WAIT_MS);
      // Read before somebody asks; where that fails, who asks is told.
      if (options.page === true) publishedNames().catch(() => undefined);
    },
    ...(guide?.highest !== undefined && { highest: guide.highest }),
  });
  const told = guide && createToldMirrors(mirrors, guide.mirrors, guide.onSuspect);
  const prober = stack.use(
    told ??
      createMirrorProber({
        mirrors,
        source,
        view,
        trustedKeys,
        pollMs,
        publicName: options.name,
        logger,
        ...(signUrl !== undefined && { signUrl }),
      }),
  );
  const geoip = stack.use(
    await openGeoip(options.geoip ?? {}, {
      logger,
      onChange: () => (clients = newClients()),
      onFailure: () => counts.unreadablePlaces.value++,
    }),
  );
  const newClients = () =>
    createClients({
      mirrors,
      trustedProxies,
      findPlace: geoip.findPlace,
      onCameBack: (mirror, object) => prober.suspect(mirror, object),
    });
  let clients = newClients();
  const repositories = createRepositories({
    source,
    maxBytes: REPOSITORY_BYTES,
    treeState: () => follower.current,
    tellError,
    failures: counts.unreadableDocuments,
  });
  const publishedNames = createPublishedNames(view);
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
  const respond = createResponder({
    repositories,
    history: createHistory({ source, view, tellError }),
    ...(options.catalog === true && { catalog: createCatalog(readableNames, redirectJson) }),
    ...(options.page === true && {
      page: createPage({
        readableNames,
        repositories,
        facts: createFactsReader(source),
        treeState: () => follower.current,
        mirrors: () => prober.states,
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
        return mirrors.length === 0 && directory !== undefined;
      },
      get servesPrivateBlobs() {
        return !mirrors.some(({ isSigned }) => isSigned) && directory !== undefined;
      },
      ...(signUrl !== undefined && { signUrl }),
    },
    clients: (request) => clients(request),
    ...(guard !== undefined && { guard }),
    tellError,
  });

  const refresh = async () => {
    await follower.check();
    await probed;
  };
  await within(START_WAIT_MS, Promise.all([refresh(), redirectJson?.look()]));
  if (guide === undefined) stack.use(followChanges(place, pollMs, () => void follower.check()));

  let draining = false;
  const health = createHealth();
  const sight = {
    tree: () => follower.current,
    mirrors: () => prober.states,
    ...(redirectJson !== undefined && { redirectJson }),
  };
  const admin =
    options.adminListen && stack.use(await listenAdmin(options.adminListen, health, counts.counters, sight));
  const answer: RequestListener = (request, response) => {
    if (draining) response.shouldKeepAlive = false;
    respond(request, response);
  };
  const { server, reload } = await publicServer(
    options,
    answer,
    accessLog === undefined ? IncomingMessage : TimedRequest,
  );
  const running = stack.use(await listen(server, options.listen, 'crane.listen'));
  stack.defer(async () => {
    draining = true;
    health.drain();
    await linger(server);
  });

  const resources = stack.move();
  return {
    url: running.url,
    ...(admin === undefined ? {} : { adminUrl: admin.url }),
    serial: () => view()?.statement.serial,
    refresh,
    reopenAccessLog: () => accessLog?.reopen(),
    takeMirrors: (reports) => told?.take(reports),
    samples: () => counts.counters.samples(),
    countRefusal: () => void counts.refusedConfigurations.value++,
    reconfigure(next) {
      const [nextMirrors, nextProxies] = [
        readMirrors(next.mirrors, ofCrane),
        readTrustedProxies(next.trustedProxies),
      ];
      mirrors = nextMirrors;
      trustedProxies = nextProxies;
      prober.setMirrors(mirrors);
      clients = newClients();
      void geoip.check();
      void reload().catch((error: unknown) => {
        counts.unreadableCertificates.value++;
        logger.error({ err: asFault(error) }, 'the certificate can not be used, and the former one stays');
      });
      logger.info(
        { mirrors: mirrors.map(({ name }) => name) },
        'the mirrors are those of the new configuration',
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
