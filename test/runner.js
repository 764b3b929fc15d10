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

/** More files that fail than this are no accident. */
const AGAIN_MAX = 3;

/**
 * In CI, a file that failed among others runs once more, by itself and in a process of its own, and that result counts. With
 * thousands of tests of real servers, one that waited for the wrong thing would refuse everybody's work. It is not hidden:
 * what failed first is printed, and is to be mended.
 */
export default class Runner extends LightRunner {
  async runTests(tests, watcher, onStart, onResult, onFailure) {
    const run = (some, told) => super.runTests(some, watcher, onStart, told, onFailure);
    if (process.env.CI !== 'true') {
      await run(tests, onResult);
      return;
    }
    const failed = [];
    await run(tests, async (test, result) => {
      if (result.numFailingTests === 0) await onResult(test, result);
      else failed.push({ test, result });
    });
    if (failed.length > AGAIN_MAX) {
      for (const { test, result } of failed) await onResult(test, result);
      return;
    }
    for (const { test, result } of failed) {
      process.stderr.write(
        `\nfailed among others, once more by itself: ${test.path}\n${result.failureMessage}\n`,
      );
      await run([test], onResult);
    }
  }
}
