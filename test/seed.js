import { configureGlobal } from 'fast-check';

/** Property tests draw the same cases each time, but in `npm run soak`, which names another seed. */
configureGlobal({ seed: Number(process.env.GANTRY_TEST_SEED ?? 20_261_121) });
