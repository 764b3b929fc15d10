import path from 'node:path';
import type { Configuration, FolderPlace, S3Place } from './configuration.ts';
import { NAME, NAME_EXPECTED } from './texts.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';
import { MAIN_TREE } from './trees.ts';

/** What is wrong with the names of trees, and with those that channels say. Works on what was written, whatever its shape. */
export function treeProblems(root: Readonly<Record<string, unknown>>): Problem[] {
  const further = isRecord(root['trees']) ? Object.keys(root['trees']) : [];
  const channels = Array.isArray(root['channels']) ? (root['channels'] as unknown[]) : [];
  return [
    ...further.flatMap((name) => nameProblems(name)),
    ...channels.flatMap((channel, index) =>
      isRecord(channel) ? channelProblems(channel, ['channels', index, 'tree'], further) : [],
    ),
  ];
}

function nameProblems(name: string): Problem[] {
  const at = { path: ['trees', name], atKey: true };
  if (name === MAIN_TREE)
    return [{ ...at, message: 'is the name of the tree that tree describes: give this one another name' }];
  return NAME.test(name) ? [] : [{ ...at, message: NAME_EXPECTED }];
}

function channelProblems(
  { tree, publish }: Readonly<Record<string, unknown>>,
  at: KeyPath,
  further: readonly string[],
): Problem[] {
  if (typeof tree !== 'string') return [];
  const there = [MAIN_TREE, ...further];
  if (!there.includes(tree))
    return [{ path: at, value: tree, message: `names no tree: there are ${there.join(', ')}` }];
  if (publish !== false) return [];
  const message =
    'stands beside publish: false, which keeps the channel out of every tree: leave one of the two';
  return [{ path: at, atKey: true, message }];
}

/** The tree that a channel is in, by what was written. */
export function treeWritten(channel: Readonly<Record<string, unknown>>): string {
  return typeof channel['tree'] === 'string' ? channel['tree'] : MAIN_TREE;
}

/** A place that bytes lie in, with where it stands in the configuration. */
interface Held {
  readonly path: readonly string[];
  readonly place: FolderPlace | S3Place;
}

/** What store and trees can not share, and what a tree's engine leaves no room for. */
export function treePlaceProblems({ storage, tree, trees }: Configuration): Problem[] {
  const all: Held[] = [
    { path: ['storage'], place: storage },
    { path: ['tree'], place: tree },
    ...Object.entries(trees).map(([name, place]) => ({ path: ['trees', name], place })),
  ];
  const listening = all.filter(({ place }) => 's3' in place && 'listen' in place);
  return [
    ...listening.map(({ path: at }) => ({
      path: [...at, 'listen'],
      atKey: true,
      message: `is the built-in web server of a folder, and the tree is in ${at.join('.')}.s3: leave it out, and serve the bucket by a web server or a CDN`,
    })),
    ...all.flatMap((one, index) => all.slice(0, index).flatMap((other) => sharedPlace(other, one))),
  ];
}

function sharedPlace(first: Held, second: Held): Problem[] {
  const [here, there] = [first.place, second.place];
  if ('filesystem' in here && 'filesystem' in there) {
    const [a, b] = [here.filesystem.root, there.filesystem.root];
    if (!isWithin(a, b) && !isWithin(b, a)) return [];
    return [
      {
        path: [...second.path, 'filesystem', 'root'],
        value: b,
        message: `and ${first.path.join('.')}.filesystem.root, ${a}, lie one in the other: each needs a folder of its own`,
      },
    ];
  }
  if (!('s3' in here && 's3' in there)) return [];
  const [a, b] = [`/${here.s3.prefix ?? ''}`, `/${there.s3.prefix ?? ''}`];
  const isOneBucket = here.s3.bucket === there.s3.bucket && here.s3.endpoint === there.s3.endpoint;
  if (!isOneBucket || !(isWithin(a, b) || isWithin(b, a))) return [];
  return [
    {
      path: [...second.path, 's3'],
      atKey: true,
      message: `and ${first.path.join('.')}.s3 lie one in the other, in the bucket ${here.s3.bucket}: each needs a bucket or a prefix of its own`,
    },
  ];
}

/** Whether a folder lies in another one, or is it. */
export function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/** Trees that nothing is ever published to. */
export function unusedTrees({ trees, channels }: Configuration): Problem[] {
  return Object.keys(trees).flatMap((name) =>
    channels.some(({ tree }) => tree === name)
      ? []
      : [
          {
            path: ['trees', name],
            atKey: true,
            message: `is the tree of no channel, so nothing is published to it: write tree: ${name} to a channel`,
          },
        ],
  );
}
