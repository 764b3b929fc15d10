/**
 * The light runner has no time-outs. Give every test and hook one, so that a hang fails a test and not the whole run. It is
 * long: how fast something is says a benchmark, and a busy machine is no failure.
 */
const DEADLINE_MS = 120_000;
const { setTimeout: arm, clearTimeout: disarm } = globalThis; // before any test fakes them

const timed =
  (fn, atLeastMs = DEADLINE_MS) =>
  async () => {
    const ms = Math.max(atLeastMs, DEADLINE_MS);
    const { promise: late, reject } = Promise.withResolvers();
    const timer = arm(reject, ms, new Error(`still running after ${ms} ms`));
    try {
      await Promise.race([fn(), late]);
    } finally {
      disarm(timer);
    }
  };

for (const name of ['test', 'it']) {
  const plain = globalThis[name];
  globalThis[name] = Object.assign((title, fn, ms) => plain(title, fn && timed(fn, ms)), plain);
}
for (const name of ['beforeAll', 'beforeEach', 'afterEach', 'afterAll']) {
  const plain = globalThis[name];
  globalThis[name] = (fn, ms) => plain(timed(fn, ms));
}
