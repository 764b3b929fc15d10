import type { Candidate } from '@gantry/catalog';

/** Which candidates of a source are kept, as `sources[].keep`. One of the two is there at least. */
export interface KeepRule {
  /** So many of the newest of each repository. */
  readonly latest?: number;
  /** All that are younger than this. */
  readonly forMs?: number;
}

/**
 * Decides one candidate after the other, the newest first, by when they were synced. One is kept that is among the newest
 * of its repository, or young enough: what both rules would give up is given up. Each tag counts, also of one digest.
 */
export class KeptCandidates {
  readonly #rules: ReadonlyMap<string, KeepRule>;
  readonly #nowMs: number;
  /** How many of a repository have come. */
  readonly #newer = new Map<string, number>();

  /** @param rules by source; a source without keeps all of its candidates */
  constructor(rules: ReadonlyMap<string, KeepRule>, now: Date) {
    this.#rules = rules;
    this.#nowMs = now.getTime();
  }

  /** Whether the next candidate is kept. */
  keeps({ source, repository, syncedAt }: Pick<Candidate, 'source' | 'repository' | 'syncedAt'>): boolean {
    const rule = this.#rules.get(source);
    if (rule === undefined) return true;
    const newer = this.#newer.get(repository) ?? 0;
    this.#newer.set(repository, newer + 1);
    if (rule.latest !== undefined && newer < rule.latest) return true;
    return rule.forMs !== undefined && this.#nowMs - Date.parse(syncedAt) < rule.forMs;
  }
}
