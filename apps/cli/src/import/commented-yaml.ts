import { formatPath, type KeyPath } from '@gantry/service';
import { Document, isMap, isNode, isScalar, isSeq, type Node } from 'yaml';
import type { Imported, Origin, Remark } from './imported.ts';

/** Where things stand in the foreign file, or in another that belongs to it. */
export interface ForeignFile {
  readonly name: string;
  /** The line counts from 1. */
  placeOf(path: KeyPath): { readonly name: string; readonly line: number };
}

/** A remark on a line of the foreign file: `regsync.yml:12: sync[0].hooks: commands are not run …`. */
export function remarkLine({ path, text }: Remark, file: ForeignFile): string {
  return `${placeText(path, file)}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${text}`;
}

/** Remarks in the order of their lines, those on the file itself first. */
export function inOrder(remarks: readonly Remark[], file: ForeignFile): readonly Remark[] {
  const isElsewhere = ({ path }: Remark) => Number(file.placeOf(path).name !== file.name);
  return remarks.toSorted(
    (a, b) => isElsewhere(a) - isElsewhere(b) || file.placeOf(a.path).line - file.placeOf(b.path).line,
  );
}

/**
 * The configuration as YAML. Above each source, and each other part whose origin is known, stands where it comes from, and what is
 * to be said of it; all other remarks stand at the top, in the order of their lines.
 */
export function commentedYaml(kind: string, imported: Imported, file: ForeignFile): string {
  const { sources, sections = {}, remarks } = imported;
  const document = new Document(
    {
      ...(sources.length > 0 && { sources: sources.map(({ entry }) => entry) }),
      ...sections,
    },
    { aliasDuplicateObjects: false },
  );
  const origins: readonly Origin[] = [
    ...sources.map(({ from }, index) => ({ at: ['sources', index], from })),
    ...(imported.origins ?? []),
  ];
  const told = new Set<Remark>();
  for (const { at, from, commands = [] } of origins) {
    const node = commentedNode(document, at);
    if (node === undefined) continue;
    const own = remarks.filter((remark) => !told.has(remark) && isBelow(remark.path, from));
    for (const remark of own) told.add(remark);
    node.commentBefore = [
      ` ${placeText(from, file)}: ${formatPath(from)}`,
      ...linesOf(own, file),
      ...commands.map((command) => ` ${command.text} # ${placeText(command.from, file)}`),
    ].join('\n');
    if (isMap(node) && Number(at.at(-1)) > 0) node.spaceBefore = true;
  }
  const others = remarks.filter((remark) => !told.has(remark));
  document.commentBefore = [
    ` Made by gantry config import ${kind} from ${file.name}. Read it, and try it: gantry config check`,
    ...linesOf(others, file),
  ].join('\n');
  return document.toString({ lineWidth: 0 });
}

/** The key of a map or the entry of a list that a comment can be put above; undefined: nothing of it is written. */
function commentedNode(document: Document, at: KeyPath): Node | undefined {
  const parent = document.getIn(at.slice(0, -1), true);
  const last = at.at(-1);
  if (isSeq(parent)) {
    const entry = parent.items[Number(last)];
    return isNode(entry) ? entry : undefined;
  }
  if (!isMap(parent)) return undefined;
  return parent.items.map(({ key }) => key).find((key) => isScalar(key) && key.value === last) as
    | Node
    | undefined;
}

function placeText(path: KeyPath, file: ForeignFile): string {
  const { name, line } = file.placeOf(path);
  return `${name}:${line}`;
}

function linesOf(remarks: readonly Remark[], file: ForeignFile): string[] {
  return inOrder(remarks, file).map(
    (remark) => ` ${remark.kind === 'lost' ? 'TO DO: ' : ''}${remarkLine(remark, file)}`,
  );
}

function isBelow(path: KeyPath, above: KeyPath): boolean {
  return above.every((part, index) => part === path[index]);
}
