/** A media range of a header Accept. */
export interface AcceptRange {
  /** In lower case, without parameters. */
  readonly type: string;
  /** How well it is liked, 0 (not at all) to 1. */
  readonly quality: number;
}

/** Clients list a dozen; what stands after so many is passed over, so that a long header costs no more. */
const MAX_RANGES = 100;

/** What a header Accept lists (RFC 9110, section 12.5.1). Several header lines are one, joined by commas. */
export function readRanges(accept: string): AcceptRange[] {
  return accept.split(',', MAX_RANGES).map((text) => {
    const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
    return { type, quality: qualityIn(parameters) };
  });
}

/** A quality that is none counts as none that was said. */
function qualityIn(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const quality = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.exec(parameter)?.[1];
    if (quality !== undefined) return Number(quality);
  }
  return 1;
}

/** How well a media type is liked: of the ranges that it falls under the closest counts; 0 where there is none. */
export function qualityOf(type: string, ranges: readonly AcceptRange[]): number {
  for (const wanted of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const fitting = ranges.filter((range) => range.type === wanted);
    if (fitting.length > 0) return Math.max(...fitting.map(({ quality }) => quality));
  }
  return 0;
}
