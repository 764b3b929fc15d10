import { z } from 'zod';
import { checked, FilePath } from './texts.ts';
import { webAddressProblem } from './web-address.ts';

const LAYOUT_NAMES = ['pulp', 'registry', 'oci'] as const;

/** What a tree says of its layouts. */
export const LAYOUT_KEYS = {
  layouts: z
    .array(z.enum(LAYOUT_NAMES))
    .default([])
    .describe('Other layouts that follow the tree, of a tree in a folder; see layouts.md'),
  layoutsRoot: FilePath.optional().describe(
    'Each layout is a folder in it; absent: beside the tree, ROOT-layouts',
  ),
  layoutsUrl: checked(webAddressProblem)
    .optional()
    .describe("The address that the folder pulp of layoutsRoot is served at; Pulp's redirect files name it"),
};

/** The layouts of a tree, as they are in force. */
export interface LayoutsConfiguration {
  readonly layouts: readonly (typeof LAYOUT_NAMES)[number][];
  /** Absolute. */
  readonly root: string;
  /** No `/` at its end. */
  readonly url?: string;
}

/** @param treeRoot the tree's folder; absent: it lies in a bucket */
export function completeLayouts(
  keys: {
    readonly layouts: readonly (typeof LAYOUT_NAMES)[number][];
    readonly layoutsRoot?: string | undefined;
    readonly layoutsUrl?: string | undefined;
  },
  treeRoot: string | undefined,
  at: (relative: string) => string,
): LayoutsConfiguration | undefined {
  if (keys.layouts.length === 0) return undefined;
  return {
    layouts: [...new Set(keys.layouts)],
    root: keys.layoutsRoot === undefined ? `${treeRoot ?? at('tree')}-layouts` : at(keys.layoutsRoot),
    ...(keys.layoutsUrl !== undefined && { url: new URL(keys.layoutsUrl).href.replace(/\/+$/, '') }),
  };
}

/** The keys of the layouts, as the file has them. */
export function showLayouts(layouts: LayoutsConfiguration | undefined): Record<string, unknown> {
  if (layouts === undefined) return { layouts: [] };
  const { root, url } = layouts;
  return { layouts: layouts.layouts, layoutsRoot: root, ...(url !== undefined && { layoutsUrl: url }) };
}
