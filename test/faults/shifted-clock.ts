/**
 * Loaded before a program (`NODE_OPTIONS=--import=…`), it makes the clock of that process wrong by TEST_CLOCK_SHIFT_MS.
 * What measures how long something takes stays right, as it does on a machine whose clock was set wrongly.
 */
const shiftMs = Number(process.env['TEST_CLOCK_SHIFT_MS'] ?? 0);
const right = Date;
const shiftedNow = () => right.now() + shiftMs;

globalThis.Date = new Proxy(right, {
  construct: (target, parts: unknown[], newTarget) =>
    Reflect.construct(target, parts.length === 0 ? [shiftedNow()] : parts, newTarget) as Date,
  apply: () => new right(shiftedNow()).toString(),
  get: (target, key, receiver) =>
    key === 'now' ? shiftedNow : (Reflect.get(target, key, receiver) as unknown),
});
