/** A range of versions as npm writes it, of one as Go's semver libraries do: a comma is a space there. */
export function npmRange(range: string): string {
  return range.replaceAll(/\s*,\s*/g, ' ').trim();
}
