import { asFault } from '@gantry/oci';
import type { Logger, ServiceManager } from '@gantry/service';
import type { Changeable } from './crane-workers/messages.ts';
import type { ServedCrane } from './open-crane.ts';

/**
 * At SIGHUP the crane opens its access log anew, and takes mirrors and trusted proxies from the configuration as it is then. One that can't be used is told
 * in the log and counted by the crane, and the former one goes on.
 * @param read reads the configuration again
 */
export function reloadCraneOnHangup(
  crane: ServedCrane,
  read: () => Promise<Changeable>,
  manager: ServiceManager,
  log: Logger,
): Disposable {
  const reload = async () => {
    void manager.reloading();
    crane.reopenAccessLog();
    try {
      await crane.reconfigure(await read());
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
