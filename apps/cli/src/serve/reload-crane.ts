import { asFault } from '@gantry/oci';
import type { MirrorOptions } from '@gantry/app-crane';
import type { LoadedConfiguration, Logger, ServiceManager } from '@gantry/service';
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
 * told now.
 * @param read reads the configuration again
 */
export function reloadCraneOnHangup(
  crane: ServedCrane,
  read: () => Promise<ReadAgain>,
  manager: ServiceManager,
  log: Logger,
): Disposable {
  const reload = async () => {
    void manager.reloading();
    crane.reopenAccessLog();
    try {
      const { loaded, mirrors } = await read();
      await take(crane, loaded, mirrors);
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
  loaded: LoadedConfiguration,
  mirrors: readonly MirrorOptions[],
): Promise<void> {
  const { configuration } = loaded;
  try {
    await openTrustedKeys(configuration);
    await crane.reconfigure({ mirrors, trustedProxies: configuration.crane.trustedProxies });
  } catch (error) {
    throw withPlace(error, loaded);
  }
}
