import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * How large V8's young generation may get in a process that redirects. At its first 1 MiB it is collected after each hundred
 * redirects, which takes a tenth of their time; above 4 MiB nothing more is gained (docs/benchmarks.md, "Redirects").
 */
export const YOUNG_MIB = 4;

const LOOK_EVERY_MS = 100;
const FIRST_MIB = 1;

/**
 * Lets the young generation grow up to `YOUNG_MIB`, where V8 would go to 16. For a process of its own there is
 * `--max-semi-space-size`; in one that runs already V8 reads no more than the factor to grow by. V8 makes the young
 * generation small again where little happens, so the factor follows its size.
 */
export function boundYoungGeneration(): Disposable {
  let mayGrow: boolean | undefined;
  const look = () => {
    const isSmall = youngMib() < YOUNG_MIB;
    if (isSmall === mayGrow) return;
    mayGrow = isSmall;
    setFlagsFromString(`--semi-space-growth-factor=${isSmall ? YOUNG_MIB / FIRST_MIB : 1}`);
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** What it has room for, in MiB; the bookkeeping of its pages is part of that. */
export function youngMib(): number {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return young === undefined ? 0 : Math.ceil((young.space_used_size + young.space_available_size) / 2 ** 20);
}
