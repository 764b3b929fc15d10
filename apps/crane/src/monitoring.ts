import { Fault, MANIFEST_KINDS } from '@gantry/oci';
import type { Health, Metrics } from '@gantry/service';
import type { Answer } from './answer/answer.ts';
import { type Count, type Counters, createCounters } from './counters.ts';
import type { MirrorState } from './choose/mirror.ts';
import type { RedirectJson } from './redirect-json/redirect-json.ts';
import type { TreeState } from './follow/tree-follower.ts';

/** What a crane counts while it works. */
export interface CraneCounts {
  readonly counters: Counters;
  /** Counts an answer, by the status that was sent in the end. */
  readonly answer: (answer: Answer, status: number) => void;
  readonly refusedTrees: Count;
  /** Not signed by a trusted key. */
  readonly untrustedTrees: Count;
  readonly unreadableTrees: Count;
  readonly unreadableDocuments: Count;
  readonly unreadablePlaces: Count;
  readonly unreadableCertificates: Count;
  readonly unreadableRedirectFiles: Count;
  readonly refusedConfigurations: Count;
  readonly droppedAccessLines: Count;
}

export function createCounts(): CraneCounts {
  const counters = createCounters();
  const failures = counters.family(
    'gantry_crane_reload_failures_total',
    'What was read anew and could not be used, so that the former goes on: of the tree, the configuration or a file that it names',
    ['reason'],
  );
  return {
    counters,
    answer: createAnswerCount(counters),
    refusedTrees: failures.with({ reason: 'refused' }),
    untrustedTrees: failures.with({ reason: 'signature' }),
    unreadableTrees: failures.with({ reason: 'unreadable' }),
    unreadableDocuments: failures.with({ reason: 'document' }),
    unreadablePlaces: failures.with({ reason: 'geoip' }),
    unreadableCertificates: failures.with({ reason: 'certificate' }),
    unreadableRedirectFiles: failures.with({ reason: 'redirect-file' }),
    refusedConfigurations: failures.with({ reason: 'configuration' }),
    droppedAccessLines: counters
      .family(
        'gantry_crane_access_log_lines_dropped_total',
        'Lines that the access log had no room for, as its disk did not keep up',
        [],
      )
      .with({}),
  };
}

/** Counts held by the very values that an answer has, so that no label is put together on the way of a request. */
function createAnswerCount(counters: Counters): CraneCounts['answer'] {
  const requests = counters.family('gantry_crane_requests_total', 'Requests that were answered', [
    'route',
    'status',
  ]);
  const redirects = counters.family('gantry_crane_redirects_total', 'Requests that were sent to a mirror', [
    'mirror',
  ]);
  const served = counters
    .family('gantry_crane_manifests_served_total', 'Manifests that the crane sent itself', [])
    .with({});
  const byRoute = new Map<string, Map<number, Count>>();
  const byMirror = new Map<string, Count>();

  return ({ route, mirror, body }, status) => {
    const byStatus = byRoute.getOrInsertComputed(route, () => new Map<number, Count>());
    byStatus.getOrInsertComputed(status, () => requests.with({ route, status: String(status) })).value++;
    if (mirror !== undefined) byMirror.getOrInsertComputed(mirror, () => redirects.with({ mirror })).value++;
    if (body.from === 'tree' && status === 200) served.value++;
  };
}

/** What stands behind health and gauges. */
export interface CraneSight {
  readonly tree: () => TreeState;
  readonly mirrors: () => readonly MirrorState[];
  /** Absent: there is none. */
  readonly redirectJson?: RedirectJson;
}

/** Adds the gauges of a crane to `metrics`. */
export function addGauges(metrics: Metrics, { tree, mirrors }: CraneSight): void {
  const statement = () => {
    const state = tree();
    return state.state === 'following' ? state.view.statement : undefined;
  };
  metrics.gauge('gantry_crane_serial', 'The serial that is served; 0 before the first', [], (gauge) =>
    gauge.set(statement()?.serial ?? 0),
  );
  metrics.gauge(
    'gantry_crane_serial_expires_timestamp_seconds',
    'When the serial expires that is served',
    [],
    (gauge) => gauge.set(Date.parse(statement()?.expires ?? '1970-01-01T00:00:00Z') / 1000),
  );
  metrics.gauge(
    'gantry_crane_serial_expired',
    'Whether the serial that is served has expired: the publisher should be looked at',
    [],
    (gauge) => {
      const expires = statement()?.expires;
      gauge.set(expires !== undefined && Date.parse(expires) <= Date.now() ? 1 : 0);
    },
  );
  metrics.gauge(
    'gantry_crane_mirror_serial',
    'The serial that a mirror is believed at; 0 before any',
    ['mirror'],
    (gauge) => {
      for (const { mirror, serial } of mirrors()) gauge.set(serial, { mirror: mirror.name });
    },
  );
  metrics.gauge(
    'gantry_crane_mirror_up',
    'Whether the last probe of a mirror passed',
    ['mirror'],
    (gauge) => {
      for (const { mirror, healthy } of mirrors()) gauge.set(healthy ? 1 : 0, { mirror: mirror.name });
    },
  );
  metrics.gauge(
    'gantry_crane_mirror_kind_proven',
    'Whether a mirror serves manifests of a kind with their Content-Type',
    ['mirror', 'kind'],
    (gauge) => {
      for (const { mirror, kinds } of mirrors()) {
        for (const kind of MANIFEST_KINDS) gauge.set(kinds.has(kind) ? 1 : 0, { mirror: mirror.name, kind });
      }
    },
  );
}

/** Readiness: there is a serial to serve. @param mayBeEmpty something else is served, too */
export function addTreeCheck(health: Health, tree: () => TreeState, mayBeEmpty: boolean): void {
  health.addCheck('tree', () => {
    const { state } = tree();
    if (state === 'empty' && !mayBeEmpty) throw new Fault('UNAVAILABLE', 'nothing is published yet');
    if (state === 'unreadable') throw new Fault('UNAVAILABLE', 'the tree was refused or can not be read');
  });
}
