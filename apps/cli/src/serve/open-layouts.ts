import {
  type Flow,
  type Layouts,
  openLayouts as open,
  publisherWithLayouts,
  type Publisher,
  startLayoutFollower,
} from '@gantry/pipeline';
import type { Configuration, Metrics } from '@gantry/service';
import { treeSettings } from './tree-settings.ts';

/**
 * The layouts of a tree, as they are configured; undefined if it has none.
 * @throws Fault CONFIGURATION_INVALID for a folder that can't be written, or holds something else
 */
export async function openLayouts(
  configuration: Configuration,
  flow: Flow,
  tree: string,
): Promise<Layouts | undefined> {
  const settings = treeSettings(configuration, tree);
  if (settings.layouts === undefined || !('filesystem' in settings)) return undefined;
  return open(flow, { ...settings.layouts, tree, treeRoot: settings.filesystem.root });
}

/** Publishers whose trees' layouts follow them in the background, with figures of how far they have come. */
export async function followWithLayouts(
  configuration: Configuration,
  flow: Flow,
  publishers: readonly Publisher[],
  metrics: Metrics,
  resources: AsyncDisposableStack,
): Promise<readonly Publisher[]> {
  const all: Layouts[] = [];
  const following: Publisher[] = [];
  for (const publisher of publishers) {
    const layouts = await openLayouts(configuration, flow, publisher.tree.name);
    if (layouts === undefined) {
      following.push(publisher);
      continue;
    }
    all.push(layouts);
    following.push(publisherWithLayouts(publisher, resources.use(startLayoutFollower(layouts, flow.log))));
  }
  if (all.length > 0) addFigures(metrics, all);
  return following;
}

function addFigures(metrics: Metrics, all: readonly Layouts[]): void {
  const labels = ['tree', 'layout'];
  metrics.gauge(
    'gantry_layout_behind',
    'Whether a layout is not at what its tree says.',
    labels,
    async (value) => {
      for (const layouts of all)
        for (const { layout, current } of await layouts.progress())
          value.set(current ? 0 : 1, { tree: layouts.tree, layout });
    },
  );
  metrics.gauge(
    'gantry_layout_serial',
    'The serial that the whole of a layout is at.',
    labels,
    async (value) => {
      for (const layouts of all)
        for (const { layout, serial = 0 } of await layouts.progress())
          value.set(serial, { tree: layouts.tree, layout });
    },
  );
}
