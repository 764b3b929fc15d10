import { type Network, readTrustedProxies } from '@gantry/service';
import { type Mirror, readMirrors } from './choose/mirror.ts';
import type { CraneOptions } from './options.ts';

/** What of a crane's configuration may change while it runs. */
export type ChangeableOptions = Pick<CraneOptions, 'mirrors' | 'trustedProxies'>;

/** The same, checked. */
export interface Changeable {
  readonly mirrors: readonly Mirror[];
  readonly trustedProxies: readonly Network[];
}

/**
 * @param crane what stays as it is
 * @throws Fault CONFIGURATION_INVALID, naming the mirror or the proxy
 */
export function readChangeable(
  { mirrors, trustedProxies }: ChangeableOptions,
  { name, seed }: Pick<CraneOptions, 'name' | 'seed'>,
): Changeable {
  return {
    mirrors: readMirrors(mirrors, { publicName: name, seed }),
    trustedProxies: readTrustedProxies(trustedProxies ?? [], 'crane.trustedProxies'),
  };
}
