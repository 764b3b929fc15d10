import { type Browser, chromium } from 'playwright-core';

/** Debian's browser, without a window. Disposing of it ends it. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    // As root, which the tests of containers need to be, it has no sandbox; all it is shown is the tests' own.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-dev-shm-usage'],
  });
}
