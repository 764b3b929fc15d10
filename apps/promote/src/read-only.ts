import type { Modes, ReadOnlyMode } from '@gantry/catalog';
import { Fault } from '@gantry/oci';

/** Whether changes are refused now, by the catalog or by this process's own configuration. */
export interface ReadOnly {
  /** Whether the configuration says so: then nobody can switch it off from outside. */
  readonly isConfigured: boolean;
  /** As it is at this moment, for all processes alike: a look at one record. undefined: nobody ever said. */
  state(): Promise<Partial<ReadOnlyMode> & Pick<ReadOnlyMode, 'on'>>;
  /** @throws Fault READ_ONLY when it is on */
  mustBeOff(): Promise<void>;
}

/** When whoever was refused may ask again. */
const RETRY_AFTER_SECONDS = 30;
const CONFIGURED = { on: true, reason: 'api.readOnly in the configuration' } as const;

export function createReadOnly(modes: Pick<Modes, 'readOnly'>, isConfigured: boolean): ReadOnly {
  const state: ReadOnly['state'] = async () =>
    isConfigured ? CONFIGURED : ((await modes.readOnly()) ?? { on: false });
  return {
    isConfigured,
    state,
    async mustBeOff() {
      const { on, reason } = await state();
      if (!on) return;
      throw new Fault(
        'READ_ONLY',
        `changes are refused, for this is read-only now${reason === undefined ? '' : ` (${reason})`}: try again once that is over`,
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    },
  };
}
