import filesystem from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Catalog, openCatalog } from '@gantry/catalog';
import { asFault } from '@gantry/oci';
import { createPublisher, type Flow, openFilesystemTarget, type TreeTarget } from '@gantry/pipeline';
import { openStore } from '@gantry/store';

/**
 * A publisher in a process of its own, which stops itself (SIGSTOP) right before one of its steps. It reads commands,
 * one a line, and answers each with a line when its publication has ended.
 */
export interface PublisherCommand {
  /** Holds catalog, store and tree. */
  readonly folder: string;
  /** The time, as RFC 3339. */
  readonly now: string;
  /** `NAME#N`, the N-th call of that name; absent: it goes through. */
  readonly stopBefore?: string;
}

export interface PublisherAnswer {
  /** A fault's code, or `done`. */
  readonly outcome: string;
  /** For `done` nothing. */
  readonly message?: string;
  /** How often each step was made. */
  readonly steps: Readonly<Record<string, number>>;
}

/** Calls of the file system that look for names, or give, move and take away one. */
const FILE_CALLS = ['link', 'rename', 'rm', 'readdir', 'mkdir'] as const;
/** Over as soon as it is taken: whoever asks for it next has it, without a wait. */
const LEASE_MS = 0;

/** Calls `step` before each call of a function in it, however deep. */
function stepping<T extends object>(name: string, part: T, step: (name: string) => void): T {
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return typeof value === 'function' ? value.bind(target) : value;
      const called = `${name}.${key}`;
      if (typeof value === 'function') {
        return (...parameters: unknown[]): unknown => {
          step(called);
          return Reflect.apply(value, target, parameters);
        };
      }
      return typeof value === 'object' && value !== null ? stepping(called, value, step) : value;
    },
  });
}

function withShortLeases(catalog: Catalog): Catalog {
  const { leases } = catalog;
  return {
    ...catalog,
    leases: {
      acquire: (name, holder) => leases.acquire(name, holder, LEASE_MS),
      renew: (lease) => leases.renew(lease, LEASE_MS),
      release: (lease) => leases.release(lease),
      list: () => leases.list(),
    },
  };
}

/** Has `step` called before the file system's calls on names in the tree. */
function steppingFiles(root: string, step: (name: string) => void): Disposable {
  const originals = FILE_CALLS.map((call) => [call, filesystem[call]] as const);
  for (const [call, original] of originals) {
    const wrapped = (...parameters: unknown[]): unknown => {
      const place = String(parameters[call === 'link' || call === 'rename' ? 1 : 0]);
      const inTree = path.relative(root, place);
      const [first] = inTree.split('/');
      // A folder more in the pool does no harm.
      if (first !== '..' && (call !== 'mkdir' || first === '.tmp')) step(`files.${call} ${first}`);
      return Reflect.apply(original, filesystem, parameters);
    };
    Object.assign(filesystem, { [call]: wrapped });
  }
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]() {
      for (const [call, original] of originals) Object.assign(filesystem, { [call]: original });
      syncBuiltinESMExports();
    },
  };
}

function withoutTimers(): Disposable {
  const { setInterval } = globalThis;
  const never = () => setInterval(() => undefined, 2 ** 31 - 1);
  Object.assign(globalThis, { setInterval: never });
  return { [Symbol.dispose]: () => void Object.assign(globalThis, { setInterval }) };
}

async function publishOnce({ folder, now, stopBefore }: PublisherCommand): Promise<PublisherAnswer> {
  const steps: Record<string, number> = {};
  let isOn = false;
  const step = (name: string) => {
    if (!isOn) return;
    steps[name] = (steps[name] ?? 0) + 1;
    if (`${name}#${steps[name]}` === stopBefore) process.kill(process.pid, 'SIGSTOP');
  };
  const root = path.join(folder, 'tree');
  await using catalog = await openCatalog({ sqlite: { file: path.join(folder, 'catalog.db') } });
  await using store = await openStore({ filesystem: { root: path.join(folder, 'store') } });
  const target: TreeTarget = await openFilesystemTarget(root, store);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const flow: Flow = {
    catalog: stepping('catalog', withShortLeases(catalog), step),
    store,
    log,
    now: () => new Date(now),
    holder: 'the one that is stopped',
  };
  const publisher = createPublisher(flow, {
    name: 'main',
    target: stepping('target', target, step),
    channels: [{ name: 'stable', prefix: '', publish: true }],
    keepUntaggedMs: 86_400_000,
    refreshMs: 86_400_000,
  });
  using around = new DisposableStack();
  around.use(steppingFiles(root, step));
  // What a heartbeat does depends on the time that all takes: it is not counted.
  if (stopBefore === undefined) around.use(withoutTimers());
  isOn = true;
  try {
    await publisher.publishPending();
    return { outcome: 'done', steps };
  } catch (error) {
    const { code, message } = asFault(error);
    return { outcome: code, message, steps };
  } finally {
    isOn = false;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await publishOnce(JSON.parse(line) as PublisherCommand);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
