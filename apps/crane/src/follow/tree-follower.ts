import { asFault, Fault } from '@gantry/oci';
import {
  isSignatureProblem,
  openTree,
  POINTER_PATH,
  type PublicKey,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import type { Count } from '../counters.ts';
import { joinCalls } from '../join-calls.ts';
import { NO_TREE } from './no-tree.ts';
import type { CraneLogger } from '../options.ts';
import { type HighestSerial, readSerialFile, writeSerialFile } from './serial-file.ts';

/** Where the tree stands, as the crane sees it. */
export type TreeState =
  | { readonly state: 'following'; readonly view: TreeView }
  /** Nothing is published, and nothing ever was as far as is known. */
  | { readonly state: 'empty' }
  /** There is no good state to serve: the tree was refused or can't be read, and none was read before. */
  | { readonly state: 'unreadable' };

/** Follows a tree's pointer: never back, and the last good state is kept whatever comes. */
export interface TreeFollower {
  readonly current: TreeState;
  /** The highest serial that was ever served, as far as is known. */
  readonly highest: HighestSerial | undefined;
  /** Reads the pointer now; returns when that, begun after the call, has ended. Never rejects. */
  check(): Promise<void>;
}

export interface TreeFollowerOptions {
  readonly serialFile?: string;
  /** The highest serial that was served before, where no file remembers it. */
  readonly highest?: HighestSerial;
  /** Bytes of documents that are kept, as they are encoded. */
  readonly cacheBytes: number;
  readonly logger: CraneLogger;
  /** Keys of which one must have signed a serial; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
  readonly failures: { readonly refused: Count; readonly untrusted: Count; readonly unreadable: Count };
  /** A new serial is served from now on. */
  readonly onSerial: (view: TreeView) => void;
}

/** @throws Fault CONFIGURATION_INVALID for a serial file that can't be read */
export async function followTree(source: TreeSource, options: TreeFollowerOptions): Promise<TreeFollower> {
  const { serialFile, cacheBytes, trustedKeys, logger, failures, onSerial } = options;
  let current: TreeState = { state: 'empty' };
  let highest = serialFile === undefined ? options.highest : await readSerialFile(serialFile);
  let told: string | undefined;
  let alarmedSerial = 0;

  /** Logs a problem once, not at every poll, until another one or none takes its place. */
  const tell = (message: string) => {
    if (told === message) return;
    told = message;
    const serving = current.state === 'following' ? current.view.statement.serial : undefined;
    logger.error({ tree: source.name, serving }, message);
  };

  const read = async (): Promise<void> => {
    const previous = current.state === 'following' ? current.view : undefined;
    const next = await openTree(source, {
      cacheBytes,
      trustedKeys,
      ...(previous === undefined ? {} : { previous }),
      ...(highest === undefined ? {} : { pinnedTree: highest.tree, floorSerial: highest.serial }),
    });
    if (next === undefined) {
      if (highest === undefined) {
        current = { state: 'empty' };
        const message = `${source.name} has no ${POINTER_PATH}: nothing is published there yet, or it is no tree; it is waited for`;
        if (told !== message && source !== NO_TREE) logger.info({ tree: source.name }, message);
        told = message;
        return;
      }
      if (current.state === 'empty') current = { state: 'unreadable' };
      failures.unreadable.value++;
      tell(`${source.name} has no pointer any more; serial ${highest.serial} was read before`);
      return;
    }
    if (next !== previous) await take(next);
    told = undefined;
  };

  const take = async (view: TreeView): Promise<void> => {
    const { tree, serial, published } = view.statement;
    if (highest?.serial === serial && highest.digest !== view.digest) {
      throw new Fault(
        'TREE_INVALID',
        `serial ${serial} of ${source.name} is refused: it is a fork, with other bytes than the serial ${serial} that was served before`,
        { tree, serial },
      );
    }
    highest = { tree, serial, digest: view.digest };
    if (serialFile !== undefined) await remember(serialFile, highest);
    current = { state: 'following', view };
    logger.info({ tree, serial, published }, `serving serial ${serial}`);
    onSerial(view);
  };

  const remember = async (file: string, serial: HighestSerial): Promise<void> => {
    try {
      await writeSerialFile(file, serial);
    } catch (error) {
      logger.error({ file, err: error }, `the serial ${serial.serial} could not be written to ${file}`);
    }
  };

  const alarmExpired = () => {
    if (current.state !== 'following') return;
    const { serial, expires } = current.view.statement;
    if (serial === alarmedSerial || Date.parse(expires) > Date.now()) return;
    alarmedSerial = serial;
    logger.error(
      { serial, expires },
      `serial ${serial} expired at ${expires}: it is still served, and the publisher should be looked at`,
    );
  };

  const once = async (): Promise<void> => {
    try {
      await read();
    } catch (error) {
      const fault = asFault(error);
      if (fault.code !== 'TREE_INVALID') failures.unreadable.value++;
      else if (isSignatureProblem(fault.details['signature'])) failures.untrusted.value++;
      else failures.refused.value++;
      if (current.state === 'empty') current = { state: 'unreadable' };
      tell(fault.message);
    }
    alarmExpired();
  };

  return {
    get current() {
      return current;
    },
    get highest() {
      return highest;
    },
    check: joinCalls(once),
  };
}
