import { formatPath, type KeyPath } from '@gantry/service';
import { Document, isMap, isNode, isSeq } from 'yaml';
import type { Imported, Remark } from './imported.ts';

/** Where things stand in the foreign file. */
export interface ForeignFile {
  readonly name: string;
  /** From 1. */
  lineOf(path: KeyPath): number;
}

/** A remark on a line of the foreign file: `regsync.yml:12: sync[0].hooks: commands are not run …`. */
export function remarkLine({ path, text }: Remark, file: ForeignFile): string {
  return `${file.name}:${file.lineOf(path)}: ${path.length === 0 ? '' : `${formatPath(path)}: `}${text}`;
}

/** Remarks in the order of their lines. */
export function inOrder(remarks: readonly Remark[], file: ForeignFile): readonly Remark[] {
  return remarks.toSorted((a, b) => file.lineOf(a.path) - file.lineOf(b.path));
}

/**
 * The configuration as YAML. Above each source stands where it comes from, and what is to be said of it; all other remarks stand
 * at the top, in the order of their lines.
 */
export function commentedYaml(kind: string, imported: Imported, file: ForeignFile): string {
  const { sources, sections = {}, remarks } = imported;
  const told = new Set<Remark>();
  const entries = sources.map(({ from, entry }) => {
    const own = remarks.filter((remark) => !told.has(remark) && isBelow(remark.path, from));
    for (const remark of own) told.add(remark);
    return {
      entry,
      comment: [` ${file.name}:${file.lineOf(from)}: ${formatPath(from)}`, ...linesOf(own, file)],
    };
  });
  const document = new Document(
    {
      ...(entries.length > 0 && { sources: entries.map(({ entry }) => entry) }),
      ...sections,
    },
    { aliasDuplicateObjects: false },
  );
  const list = document.get('sources');
  if (isSeq(list)) {
    for (const [index, node] of list.items.entries()) {
      if (isNode(node)) node.commentBefore = (entries[index]?.comment ?? []).join('\n');
      if (isMap(node) && index > 0) node.spaceBefore = true;
    }
  }
  const others = remarks.filter((remark) => !told.has(remark));
  document.commentBefore = [
    ` Made by gantry config import ${kind} from ${file.name}. Read it, and try it: gantry config check`,
    ...linesOf(others, file),
  ].join('\n');
  return document.toString({ lineWidth: 0 });
}

function linesOf(remarks: readonly Remark[], file: ForeignFile): string[] {
  return inOrder(remarks, file).map(
    (remark) => ` ${remark.kind === 'lost' ? 'TO DO: ' : ''}${remarkLine(remark, file)}`,
  );
}

function isBelow(path: KeyPath, above: KeyPath): boolean {
  return above.every((part, index) => part === path[index]);
}
