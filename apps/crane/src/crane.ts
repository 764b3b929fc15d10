import { asFault } from '@gantry/oci';
import { openAccessLog } from './access-log/access-log.ts';
import { createAnswering } from './answering.ts';
import { type ChangeableOptions, readChangeable } from './changeable.ts';
import { openClients } from './client/open-clients.ts';
import type { CountSample } from './counters.ts';
import type { HighestSerial } from './follow/serial-file.ts';
import { openListening } from './listening.ts';
import { openLookout } from './lookout.ts';
import { createCounts } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import { loadGuard } from './private/load-guard.ts';
import type { WantedObject } from './probe/mirror-prober.ts';
import type { MirrorReport } from './probe/mirror-report.ts';
import { createToldMirrors } from './probe/told-mirrors.ts';
import { rareErrors } from './rare-errors.ts';
import { createPublishedNames } from './repositories/published-names.ts';
import { openSearch } from './search/open-search.ts';

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
  reconfigure(next: ChangeableOptions): void;
  /** Opens the access log's file anew, as it may have been moved away. */
  reopenAccessLog(): void;
  /** Counts a new configuration that could not be read, beside other reloads that failed. */
  countRefusal(): void;
}

/** What is kept in memory of documents: shards packed, of which 100,000 repositories take 6 MiB, all else as it is encoded. */
const DOCUMENT_BYTES = 16 * 1024 * 1024;

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

/**
 * Opens the parts of a crane, each after those that it needs. They are closed in the reverse order: first the ports, so that no request
 * meets a part that is closed already.
 */
async function openCrane(options: CraneOptions, guide: Guide | undefined): Promise<GuidedCrane> {
  const { logger } = options;
  let changeable = readChangeable(options, options);
  const counts = createCounts();
  const tellError = rareErrors(logger);
  await using stack = new AsyncDisposableStack();

  const guard =
    options.private &&
    stack.use(await loadGuard(options.private, { trustedProxies: () => changeable.trustedProxies, logger }));
  const accessLog =
    options.accessLog === undefined
      ? undefined
      : stack.use(
          await openAccessLog(options.accessLog, { droppedLines: counts.droppedAccessLines, tellError }),
        );

  const told = guide && createToldMirrors(changeable.mirrors, guide.mirrors, guide.onSuspect);
  const lookout = stack.use(
    await openLookout(options, {
      mirrors: changeable.mirrors,
      counts,
      cacheBytes: DOCUMENT_BYTES,
      onSerial(view) {
        search?.follow(view);
        // Read before somebody asks; where that fails, who asks is told.
        if (options.page === true) publishedNames().catch(() => undefined);
      },
      ...(told !== undefined && { told, highest: guide?.highest }),
    }),
  );
  const { place, prober, sight, view } = lookout;
  const { redirectJson } = sight;
  const publishedNames = createPublishedNames(view);
  const search =
    options.search &&
    openSearch(options.search, {
      view,
      logger,
      tellError,
      resources: stack,
      ...(place !== undefined && { place }),
      ...(redirectJson !== undefined && { redirectJson }),
    });

  const known = stack.use(
    await openClients(changeable, {
      geoip: options.geoip,
      logger,
      onCameBack: (mirror, object) => prober.suspect(mirror, object),
      onUnreadablePlaces: () => counts.unreadablePlaces.value++,
    }),
  );
  const respond = createAnswering(options, {
    lookout,
    clients: known.clients,
    publishedNames,
    guard,
    search,
    accessLog,
    counts,
    tellError,
  });

  await lookout.start();
  const { url, adminUrl, reloadCertificate } = stack.use(
    await openListening(options, respond, counts.counters, sight),
  );

  const resources = stack.move();
  return {
    url,
    ...(adminUrl !== undefined && { adminUrl }),
    serial: () => view()?.statement.serial,
    refresh: () => lookout.refresh(),
    reopenAccessLog: () => accessLog?.reopen(),
    takeMirrors: (reports) => told?.take(reports),
    samples: () => counts.counters.samples(),
    countRefusal: () => void counts.refusedConfigurations.value++,
    reconfigure(next) {
      changeable = readChangeable(next, options);
      prober.setMirrors(changeable.mirrors);
      known.take(changeable);
      void reloadCertificate().catch((error: unknown) => {
        counts.unreadableCertificates.value++;
        logger.error({ err: asFault(error) }, 'the certificate can not be used, and the former one stays');
      });
      logger.info(
        { mirrors: changeable.mirrors.map(({ name }) => name) },
        'the mirrors are those of the new configuration',
      );
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
