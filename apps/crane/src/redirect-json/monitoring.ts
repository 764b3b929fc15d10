import { Fault } from '@gantry/oci';
import type { Health, Metrics } from '@gantry/service';
import type { RedirectJson } from './redirect-json.ts';

/** Adds the gauges of redirect JSON to `metrics`. */
export function addRedirectJsonGauges(metrics: Metrics, redirectJson: RedirectJson): void {
  metrics.gauge(
    'gantry_crane_redirect_files',
    'Redirect files: served as they are (loaded), wrong and left out (refused), or served as they were last good (kept)',
    ['state'],
    (gauge) => {
      for (const [state, count] of Object.entries(redirectJson.tally)) gauge.set(count, { state });
    },
  );
  metrics.gauge(
    'gantry_crane_redirect_file_duplicates',
    'Redirect files that are not served, as another one has the same name',
    [],
    (gauge) => gauge.set(redirectJson.duplicates.length),
  );
  metrics.gauge(
    'gantry_crane_redirect_directories_lost',
    'Directories of redirect files, and file systems below them, that are empty or can not be read, while what was read of them is served on',
    [],
    (gauge) => gauge.set(redirectJson.lost.length),
  );
}

/** Readiness: the directories were read, and tell of something. */
export function addRedirectJsonCheck(health: Health, redirectJson: RedirectJson): void {
  health.addCheck('redirect-json', () => {
    if (!redirectJson.isRead) throw new Fault('UNAVAILABLE', 'the redirect files are not read yet');
    if (redirectJson.repositories()[Symbol.iterator]().next().done === true)
      throw new Fault('UNAVAILABLE', 'there is no redirect file that can be served');
  });
}
