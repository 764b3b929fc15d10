import { isLoopbackAddress } from '@gantry/service';
import { HUB_ALLOWANCES, isHubHost } from './image-reference.ts';

/** What a source says of its registry, for all importers alike. */
export interface RegistrySettings {
  /** Absent: https. */
  readonly isPlain?: boolean;
  readonly credentials?: Readonly<Record<string, string>>;
  readonly tls?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, number>>;
}

/** The keys of a source that are of its registry. */
export function registryKeys(host: string, settings: RegistrySettings): Record<string, unknown> {
  const { isPlain = false, credentials, tls, limits } = settings;
  return {
    registry: `${isPlain ? 'http' : 'https'}://${host}`,
    ...(credentials !== undefined && { credentials }),
    ...(tls !== undefined && { tls }),
    ...(limits !== undefined && { limits }),
    ...(isHubHost(host) && { allow: HUB_ALLOWANCES }),
  };
}

/** Whether a host is this machine, where http is taken for granted when TLS is not to be verified. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replaceAll(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopbackAddress({ host: name, port: 0 });
}

/** A regular expression for just this text. */
export function exactly(text: string): string {
  return `${beginningOf(text)}$`;
}

/** A regular expression for what begins with this text. */
export function beginningOf(text: string): string {
  return `^${text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`;
}
