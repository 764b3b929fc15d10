import path from 'node:path';
import { setImmediate as immediately } from 'node:timers/promises';
import { joinCalls } from '../join-calls.ts';
import type { CraneLogger } from '../options.ts';
import type { FileReader, Reading } from './file-reader.ts';
import { isRedirectFile, type Listing, listFiles } from './list-files.ts';
import { createFolderMemory, isIn } from './lost-folders.ts';
import { watchFolders } from '../follow/watch-folders.ts';

/** Between two rounds there is so much time at least; and so many times what a round takes, as on a slow file system. */
const MIN_PAUSE_MS = 1000;
const PAUSES_PER_ROUND = 20;
/** All files are read again within so many rounds, whatever their inodes, sizes and times say. */
const ROUNDS_FOR_ALL = 64;
/** A file that just changed is read again in the next rounds: it may change twice within one tick of its times. */
const ROUNDS_AFTER_CHANGE = 2;
/** Changes that come so close together are looked at together. */
const GATHER_MS = 5;
const FILES_AT_ONCE = 16;

/** Follows directories of redirect files. */
export interface FollowedDirectories extends Disposable {
  /** Whether all directories were looked at once. */
  readonly isRead: boolean;
  /**
   * Those that are empty or can't be read, while what was read of them before is served on; and such folders below them as are,
   * or were, file systems of their own.
   */
  lost(): readonly string[];
  /** Looks at everything now. */
  look(): Promise<void>;
}

/**
 * Reads the directories, and again whatever changes in them: at once what the system tells of, the rest in rounds. No
 * time is compared with another or with the clock, so that old times and wrong clocks hide nothing.
 */
export function followDirectories(
  directories: readonly string[],
  reader: FileReader,
  logger: CraneLogger,
): FollowedDirectories {
  const states = directories.map((directory, index) => ({
    directory,
    index,
    problem: '',
    isLost: false,
    memory: createFolderMemory(),
    lostFolders: [] as readonly string[],
  }));
  type State = (typeof states)[number];
  const fresh = new Map<string, number>();
  let folders: ReadonlyMap<string, number> = new Map();
  let round = 0;
  let isRead = false;
  const ending = new AbortController();
  let next: { readonly timer: NodeJS.Timeout; readonly dueAt: number } | undefined;

  const changed = new Set<string>();
  const watch = watchFolders((place) => {
    if (changed.size === 0) setTimeout(lookAtChanged, GATHER_MS);
    changed.add(place);
  });
  const lookAtChanged = (): void => {
    const places = [...changed];
    changed.clear();
    if (ending.signal.aborted) return;
    for (const place of places) {
      const directory = folders.get(path.dirname(place));
      if (directory !== undefined && isRedirectFile(place)) void lookAt(place, directory, false);
    }
    // What else came may be a folder, and what went is gone if it stays away: a round finds out.
    runWithin(MIN_PAUSE_MS);
  };

  const lookAt = async (
    place: string,
    directory: number,
    anyway: boolean,
    reading: Reading = 'aside',
  ): Promise<void> => {
    if (await reader.look(place, directory, anyway, reading)) fresh.set(place, round + ROUNDS_AFTER_CHANGE);
  };

  const tell = (state: State, problem: string): void => {
    if (state.problem === problem) return;
    state.problem = problem;
    const { directory, isLost } = state;
    if (problem === '')
      logger.info({ directory }, `the directory ${directory} of redirect files is read again`);
    else warn(directory, problem, isLost);
  };

  const warn = (directory: string, problem: string, isLost: boolean): void =>
    logger.warn(
      { directory, servedOn: isLost },
      `the directory ${directory} of redirect files ${problem}${isLost ? '; what was read of it before is served on' : ''}`,
    );

  const findLostFolders = (state: State, listing: Listing): void => {
    const former = state.lostFolders;
    const lost = state.memory.lostSince(listing);
    state.lostFolders = lost;
    for (const folder of lost)
      if (!former.includes(folder))
        warn(folder, listing.folders.has(folder) ? 'is empty' : 'is not there', true);
    for (const folder of former)
      if (!lost.includes(folder))
        logger.info({ directory: folder }, `the directory ${folder} of redirect files is read again`);
  };

  const readDirectory = async (state: State): Promise<readonly string[]> => {
    const { directory, index } = state;
    let listing: Listing;
    try {
      listing = await listFiles(directory);
    } catch (error) {
      state.isLost = !reader.known(index).next().done;
      const { code } = error as NodeJS.ErrnoException;
      tell(state, code === 'ENOENT' ? 'is not there' : `can not be read: ${code ?? String(error)}`);
      return [];
    }
    // A file system that is not mounted leaves an empty folder behind.
    if (listing.files.length === 0) {
      state.isLost = !reader.known(index).next().done;
      tell(state, 'is empty');
      return [...listing.folders.keys()];
    }
    state.isLost = false;
    findLostFolders(state, listing);
    const [unread] = listing.unread;
    tell(state, unread === undefined ? '' : `has a folder that can not be read, ${unread}`);
    await readFiles(listing, state);
    return [...listing.folders.keys()];
  };

  const readFiles = async (
    { files, unread }: Listing,
    { index: directory, lostFolders }: State,
  ): Promise<void> => {
    const turn = round % ROUNDS_FOR_ALL;
    let taken = 0;
    const work = async (): Promise<void> => {
      for (let at = taken++; at < files.length && !ending.signal.aborted; at = taken++) {
        const place = files[at] as string;
        const until = fresh.get(place);
        if (until !== undefined && until < round) fresh.delete(place);
        // Nothing can be answered before the first round is through, but that the crane is about to start.
        if (!isRead && at % FILES_AT_ONCE === 0) await immediately();
        const anyway = until !== undefined || at % ROUNDS_FOR_ALL === turn;
        await lookAt(place, directory, anyway, isRead ? 'aside' : 'at once');
      }
    };
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, work));
    const there = new Set(files);
    for (const place of reader.known(directory)) {
      if (!there.has(place) && !isIn(place, unread) && !isIn(place, lostFolders)) reader.miss(place);
    }
  };

  const look = joinCalls(async () => {
    const began = performance.now();
    round++;
    const found = new Map<string, number>();
    for (const state of states) {
      for (const folder of await readDirectory(state)) if (!found.has(folder)) found.set(folder, state.index);
    }
    folders = found;
    await watch.setFolders([...found.keys()]);
    isRead = true;
    runWithin(Math.max(MIN_PAUSE_MS, (performance.now() - began) * PAUSES_PER_ROUND));
  });
  const runWithin = (ms: number): void => {
    const dueAt = performance.now() + ms;
    if (ending.signal.aborted || (next !== undefined && next.dueAt <= dueAt)) return;
    clearTimeout(next?.timer);
    const run = () => {
      next = undefined;
      void look();
    };
    next = { timer: setTimeout(run, ms), dueAt };
  };

  return {
    get isRead() {
      return isRead;
    },
    lost: () => states.flatMap(({ directory, isLost, lostFolders }) => (isLost ? [directory] : lostFolders)),
    look,
    [Symbol.dispose]() {
      ending.abort();
      clearTimeout(next?.timer);
      watch[Symbol.dispose]();
    },
  };
}
