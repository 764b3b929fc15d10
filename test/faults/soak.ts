/**
 * Whether the long form of a test was asked for: `npm run soak` sets it. `.ci/run` does a small part of the same, with
 * the same seed.
 */
export const SOAK = process.env['GANTRY_TEST_SOAK'] === '1';

/** Decides what is random in a test. */
export const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);
