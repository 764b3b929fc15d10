import type { Problem } from '@gantry/oci';

// What the API answers of mirrors, as far as commands show it.

export interface MirrorAnswer {
  readonly name: string;
  readonly url: string;
  readonly serial: number | null;
  readonly confirmed: number | null;
  readonly lag: { readonly serials: number | null; readonly seconds: number | null } | null;
  readonly latencyMs: number | null;
  readonly rightTypes: boolean | null;
  readonly problem: Problem | null;
  readonly lookedAt: string | null;
}

export interface SerialAtMirrorAnswer {
  readonly mirror: string;
  readonly state: 'confirmed' | 'late' | 'failed' | 'waiting';
  readonly served: number | null;
  readonly problem: Problem | null;
  readonly at: string | null;
}
