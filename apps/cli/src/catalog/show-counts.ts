import { CATALOG_NOUN_NAMES, CATALOG_NOUNS, type CatalogCounts } from '@gantry/catalog';
import { formatTable } from '../output/table.ts';

/** A table with a line for each noun. */
export function formatCounts(counts: CatalogCounts, heading: string): string {
  return formatTable(CATALOG_NOUNS, [
    { heading: 'WHAT', cell: (noun) => CATALOG_NOUN_NAMES[noun] },
    { heading, cell: (noun) => counts[noun], align: 'right' },
  ]);
}

/** What is being written just now, and how far that has come. */
export function describeProgress(counts: CatalogCounts): string {
  const noun = CATALOG_NOUNS.findLast((one) => counts[one] > 0);
  return noun === undefined ? 'nothing yet' : `${counts[noun]} ${CATALOG_NOUN_NAMES[noun]}`;
}

/** All records together. */
export function sumOf(counts: CatalogCounts): number {
  return CATALOG_NOUNS.reduce((sum, noun) => sum + counts[noun], 0);
}
