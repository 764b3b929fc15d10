import type { KnownSource } from '@gantry/app-promote';
import { anyOf } from '@gantry/pipeline';
import type { SourceConfiguration } from '@gantry/service';

/** What the API has to know of the sources: nothing of how they are reached. */
export function knownSources(configured: readonly SourceConfiguration[]): KnownSource[] {
  return configured.map(({ name, registry, repositories, everyMs }) => ({
    name,
    host: new URL(registry).host,
    repositories,
    ...(everyMs === undefined ? {} : { everyMs }),
    takes: anyOf(repositories),
  }));
}
