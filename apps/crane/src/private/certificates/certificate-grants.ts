import { anyOf } from '@gantry/oci/glob';
import type { CertificatesConfiguration } from '@gantry/service';
import type { Grants } from '../readers.ts';
import type { Entitlement } from './entitlement.ts';

/** What an entitlement lets its holder read: what lies below its paths, and what the values of its extensions open. */
export function certificateGrants({
  path,
  values,
}: Pick<CertificatesConfiguration, 'path' | 'values'>): (entitlement: Entitlement) => Grants {
  const [before = '', after = ''] = path.split('{repository}');
  const opened = values.map(({ oid, value, repositories }) => ({ oid, value, opens: anyOf(repositories) }));
  return (entitlement) => {
    const held = opened.filter(({ oid, value }) => entitlement.holds(oid, value)).map(({ opens }) => opens);
    return {
      mayRead: (repository) =>
        held.some((opens) => opens(repository)) || entitlement.covers(before + repository + after),
      mayReadContent: (repository, contentPath) =>
        held.some((opens) => opens(repository)) || entitlement.covers(contentPath),
    };
  };
}
