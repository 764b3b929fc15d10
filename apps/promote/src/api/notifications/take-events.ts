import { type Digest, isRepositoryName, isTag } from '@gantry/oci';
import type { KnownSource } from '../known-source.ts';
import type { RegistryEvent } from './notification.ts';

/** A tag of a source. */
export interface SourceTag {
  readonly source: string;
  readonly sourceRepository: string;
  readonly tag: string;
  /** What it was pushed as, if that was told. */
  readonly digest?: Digest;
}

/** What is to be done about some events. */
export interface TakenEvents {
  /** How many say something of a tag that a source may take. */
  readonly accepted: number;
  readonly ignored: number;
  /** Tags that were pushed last. */
  readonly pushed: readonly SourceTag[];
  /** Tags that were deleted last. */
  readonly deleted: readonly SourceTag[];
}

/**
 * Finds the sources that events concern. Of several events of one tag the last one counts.
 * @param events in the order in which they happened
 */
export function takeEvents(events: readonly RegistryEvent[], sources: readonly KnownSource[]): TakenEvents {
  const last = new Map<string, { action: string; at: SourceTag }>();
  let accepted = 0;
  for (const event of events) {
    const { action, repository, tag, digest } = event;
    if (tag === undefined || !isTag(tag) || !isRepositoryName(repository)) continue;
    if (action !== 'push' && action !== 'delete') continue;
    const concerned = concernedSources(event, sources);
    if (concerned.length > 0) accepted++;
    for (const source of concerned) {
      const at = { source, sourceRepository: repository, tag };
      last.set(JSON.stringify(at), { action, at: { ...at, ...(digest !== undefined && { digest }) } });
    }
  }
  const those = (wanted: string) =>
    [...last.values()].filter(({ action }) => action === wanted).map(({ at }) => at);
  return {
    accepted,
    ignored: events.length - accepted,
    pushed: those('push'),
    deleted: those('delete'),
  };
}

/** Those that take the repository and lie where it happened; if none does, all that take it: a registry may have many names. */
function concernedSources(
  { repository, hosts }: RegistryEvent,
  sources: readonly KnownSource[],
): readonly string[] {
  const taking = sources.filter((source) => source.takes(repository));
  const there = taking.filter(({ host }) => hosts.includes(host));
  return (there.length > 0 ? there : taking).map(({ name }) => name);
}
