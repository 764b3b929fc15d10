/** How far a rebuild has come. */
export interface RebuildProgress {
  readonly step: 'history' | 'tree' | 'store';
  /** Publications, repositories or blobs that were looked at so far. */
  readonly done: number;
}

/** What a rebuild found. Filled in while its entries are taken. */
export interface RebuildReport {
  /** The main tree's serial; null for a tree that nothing was published to. */
  serial: number | null;
  /** Likewise of the further trees, by their names. */
  trees: Record<string, number | null>;
  /** Of each channel that has something in the tree. */
  channels: { channel: string; repositories: number; tags: number }[];
  publications: number;
  poolObjects: number;
  /** Records of manifests: those that the tree reaches, and what else the store has. */
  manifests: { inTree: number; inStore: number };
  /** Blobs that the store lacked and that were put back from the tree. */
  restored: { blobs: number; bytes: number };
  /** What is not as before, and does no harm. */
  notes: string[];
  /** What could not be remade. */
  problems: string[];
}

/** Of a rebuild that has not begun. */
export function emptyReport(): RebuildReport {
  return {
    serial: null,
    trees: {},
    channels: [],
    publications: 0,
    poolObjects: 0,
    manifests: { inTree: 0, inStore: 0 },
    restored: { blobs: 0, bytes: 0 },
    notes: [],
    problems: [],
  };
}

/** Adds a repository of a channel, with so many tags. */
export function countRepository(report: RebuildReport, channel: string, tags: number): void {
  let row = report.channels.find((one) => one.channel === channel);
  if (row === undefined) report.channels.push((row = { channel, repositories: 0, tags: 0 }));
  row.repositories++;
  row.tags += tags;
}
