import type { Layout } from './layout.ts';
import { oci } from './oci.ts';
import { pulp } from './pulp.ts';
import { registry } from './registry.ts';

/** The layouts that can be made from a tree's publications, as `tree.layouts` names them. */
export const LAYOUT_NAMES = ['pulp', 'registry', 'oci'] as const;
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** @param url where the layout's folder is served, without a `/` at its end; only `pulp` has to know */
export function createLayout(name: LayoutName, url = ''): Layout {
  if (name === 'pulp') return pulp(url);
  return name === 'registry' ? registry() : oci();
}
