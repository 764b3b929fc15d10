/** One figure, beside the same figure of a peer in the same run. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly gantry: number;
  readonly peer: string;
  readonly peerValue: number;
  /** Gantry's figure over the peer's. */
  readonly ratio: number;
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Seconds, beside those that it may take at the most. */
export function besideAim(name: string, times: readonly number[], aimS: number): Result {
  const gantryValue = median(times);
  return {
    name,
    unit: 's',
    gantry: gantryValue,
    peer: 'the aim',
    peerValue: aimS,
    ratio: gantryValue / aimS,
    note: `each round: ${times.map((time) => time.toFixed(2)).join(', ')}`,
  };
}
