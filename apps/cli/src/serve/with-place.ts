import { Fault } from '@gantry/oci';
import type { LoadedConfiguration } from '@gantry/service';

/**
 * What a service finds wrong with a value of its configuration, when it starts or takes it anew, with the place where that stands: a
 * file that is none of its kind, a mirror that can not be used. All other errors stay as they are.
 */
export function withPlace(error: unknown, { configuration, whereIs }: LoadedConfiguration): unknown {
  if (!(error instanceof Fault) || error.code !== 'CONFIGURATION_INVALID') return error;
  const { key, mirror } = error.details;
  const index = configuration.crane.mirrors?.findIndex(({ name }) => name === mirror) ?? -1;
  const path = typeof key === 'string' ? pathOf(key) : index < 0 ? [] : ['crane', 'mirrors', index];
  if (path.length === 0) return error;
  return new Fault(error.code, `${whereIs(path)}: ${error.message}`, error.details, { cause: error });
}

/** `crane.trustedKeys[0]` */
function pathOf(key: string): (string | number)[] {
  return key.split(/[.[\]]+/).flatMap((part) => {
    if (part === '') return [];
    return /^\d+$/.test(part) ? Number(part) : part;
  });
}
