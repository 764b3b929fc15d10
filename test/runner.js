import LightRunner from 'jest-light-runner/child-process';
import { Tinypool } from 'tinypool';

// The light runner hands all its workers one channel. When the first of them asks what to run with, it answers all at once
// and forgets them; one that was not listening yet asks in vain later, and the whole run hangs. So each task gets a
// channel of its own, which is known to the runner's from the question on, until the answer.
const pool = Tinypool.prototype;
const plain = Object.getOwnPropertyDescriptor(pool, 'run').value;
pool.run = function runByItself(task, options) {
  const shared = options?.channel;
  if (shared === undefined) return plain.call(this, task, options);
  let listener;
  const channel = {
    onMessage(told) {
      listener = told;
    },
    postMessage(message) {
      shared.onMessage(listener);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window's
      shared.postMessage(message);
    },
  };
  return plain.call(this, task, { ...options, channel });
};

export default LightRunner;
