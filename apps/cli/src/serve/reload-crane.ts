import { isDeepStrictEqual } from 'node:util';
import { asFault, Fault } from '@gantry/oci';
import type { MirrorOptions } from '@gantry/app-crane';
import type { Configuration, LoadedConfiguration, Logger, ServiceManager } from '@gantry/service';
import type { ServedCrane } from './open-crane.ts';
import { openTrustedKeys } from './open-keys.ts';
import { withPlace } from './with-place.ts';

/** A configuration that was read again. */
export interface ReadAgain {
  readonly loaded: LoadedConfiguration;
  readonly mirrors: readonly MirrorOptions[];
}

/**
 * At SIGHUP the crane opens its access log anew, and takes mirrors and trusted proxies from the configuration as it is then. One that can't be used is told
 * in the log, with its place, and counted by the crane, and the former one goes on. Keys are taken at a start alone; one that would stop it then is
 * told now, and so is what would take a restart.
 * @param started what it was started with
 * @param read reads the configuration again
 */
export function reloadCraneOnHangup(
  crane: ServedCrane,
  started: LoadedConfiguration,
  read: () => Promise<ReadAgain>,
  manager: ServiceManager,
  log: Logger,
): Disposable {
  let former = started;
  const reload = async () => {
    void manager.reloading();
    crane.reopenAccessLog();
    try {
      const { loaded, mirrors } = await read();
      await take(crane, former, loaded, mirrors);
      former = loaded;
      const keys = keysOfRestart(started.configuration, loaded.configuration);
      if (keys.length > 0) log.warn({ keys }, 'configuration.needs_restart');
    } catch (error) {
      crane.countRefusal();
      log.error({ err: asFault(error) }, 'configuration.refused');
    }
    void manager.ready();
  };
  const onHangup = () => void reload();
  process.on('SIGHUP', onHangup);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', onHangup) };
}

/** @throws Fault CONFIGURATION_INVALID with the place of what can't be used; then all stays as it was */
async function take(
  crane: ServedCrane,
  former: LoadedConfiguration,
  loaded: LoadedConfiguration,
  mirrors: readonly MirrorOptions[],
): Promise<void> {
  const { configuration } = loaded;
  try {
    refuseCutShort(former, loaded);
    await openTrustedKeys(configuration);
    await crane.reconfigure({ mirrors, trustedProxies: configuration.crane.trustedProxies });
  } catch (error) {
    throw withPlace(error, loaded);
  }
}

/**
 * A file that is empty or cut short is valid, and would take all mirrors away. Who wants none writes `mirrors: []`.
 * @throws Fault CONFIGURATION_INVALID
 */
function refuseCutShort(former: LoadedConfiguration, { configuration, file, sections }: LoadedConfiguration) {
  const { mirrors: had = [] } = former.configuration.crane;
  if (former.file !== undefined && file === undefined)
    throw lacks('crane', `is missing, as ${former.file} is gone: the crane was started with it`);
  if (former.sections.includes('crane') && !sections.includes('crane'))
    throw lacks('crane', 'is missing, and was there before: a file that is empty or cut short is not taken');
  if (had.length > 0 && configuration.crane.mirrors === undefined)
    throw lacks('crane.mirrors', 'is missing, and was there before: write [] if there are to be none');
}

function lacks(key: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${key} ${why}`, { key });
}

/** What is taken at a hangup. */
const CHANGEABLE: ReadonlySet<string> = new Set(['mirrors', 'trustedProxies']);

/** The crane's keys that differ, and that are taken at a start alone. */
function keysOfRestart({ crane: now }: Configuration, { crane: next }: Configuration): string[] {
  const values = new Map<string, unknown>(Object.entries(now));
  const others = new Map<string, unknown>(Object.entries(next));
  return [...new Set([...values.keys(), ...others.keys()])]
    .filter((key) => !CHANGEABLE.has(key) && !isDeepStrictEqual(values.get(key), others.get(key)))
    .map((key) => `crane.${key}`);
}
