import type { TreeView } from '@gantry/tree';
import type { Mirror } from './choose/mirror.ts';
import { followChanges, type FollowedTree, openFollowedTree } from './follow/followed-tree.ts';
import type { HighestSerial } from './follow/serial-file.ts';
import type { CraneCounts, CraneSight } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import { openSigner } from './private/open-signer.ts';
import type { SignUrl } from './private/signed-urls.ts';
import { createMirrorProber, type MirrorProber } from './probe/mirror-prober.ts';
import { openRedirectJson } from './redirect-json/open-redirect-json.ts';
import { within } from './within.ts';

/** How long a new serial waits for a mirror that has it. */
const MIRROR_WAIT_MS = 2000;
/** How long the start waits for a tree whose server is silent, and for a mirror that has what it has. */
const START_WAIT_MS = 5000;

/** What answers depend on and somebody else changes: the tree, the mirrors, redirect files. */
export interface Lookout extends FollowedTree, AsyncDisposable {
  readonly prober: MirrorProber;
  /** For mirrors that look for signatures; absent: there are none. */
  readonly signUrl: SignUrl | undefined;
  /** All of it, as it is now. */
  readonly sight: CraneSight;
  /** Looks at the tree's pointer. Returns when what it names is served, and, if it is new, a mirror was found to have it (2 s are waited for that at the most). */
  refresh(): Promise<void>;
  /** Takes the first look, and goes on from there. Returns after 5 s at the latest, whatever is silent. */
  start(): Promise<void>;
}

export interface LookoutSettings {
  readonly mirrors: readonly Mirror[];
  readonly counts: CraneCounts;
  /** Bytes of documents that are kept, as they are encoded. */
  readonly cacheBytes: number;
  /** Present: another process looks at pointer and mirrors, and tells of them; nothing is looked at here but what it says. */
  readonly told?: MirrorProber;
  /** The highest serial that was served before, as that process remembers it. */
  readonly highest?: HighestSerial | undefined;
  /** Told of each serial, as it comes to be served. */
  readonly onSerial?: (view: TreeView) => void;
  /** Told when the pointer was looked at. */
  readonly onLook?: () => void;
  /** Told when something else is known of the mirrors. */
  readonly onMirrors?: () => void;
}

/** @throws Fault CONFIGURATION_INVALID for a tree, serial file or secret that can't be used */
export async function openLookout(options: CraneOptions, settings: LookoutSettings): Promise<Lookout> {
  const { logger, pollMs, trustedKeys = [], name } = options;
  const { mirrors, counts, cacheBytes, told, highest, onSerial, onLook, onMirrors } = settings;
  const signUrl = options.signedUrls && (await openSigner(options.signedUrls));
  await using stack = new AsyncDisposableStack();
  const ending = new AbortController();
  stack.defer(() => ending.abort());

  let probed: Promise<void> = Promise.resolve();
  const tree = await openFollowedTree({
    ...options,
    counts,
    cacheBytes,
    signal: ending.signal,
    onSerial(view) {
      probed = prober.probe(MIRROR_WAIT_MS);
      onSerial?.(view);
    },
    ...(highest !== undefined && { highest }),
  });
  const { place, source, follower, view } = tree;
  const prober = stack.use(
    told ??
      createMirrorProber({
        mirrors,
        source,
        view,
        trustedKeys,
        pollMs,
        publicName: name,
        logger,
        ...(onMirrors !== undefined && { onChange: onMirrors }),
        ...(signUrl !== undefined && { signUrl }),
      }),
  );
  const redirectJson = openRedirectJson(options, counts, told !== undefined);
  if (redirectJson !== undefined) stack.use(redirectJson);

  const look = async () => {
    await follower.check();
    onLook?.();
  };
  const refresh = async () => {
    await look();
    await probed;
  };

  const resources = stack.move();
  return {
    ...tree,
    prober,
    signUrl,
    sight: {
      tree: () => follower.current,
      mirrors: () => prober.states,
      ...(redirectJson !== undefined && { redirectJson }),
    },
    refresh,
    async start() {
      await within(START_WAIT_MS, Promise.all([refresh(), redirectJson?.look()]));
      if (told === undefined) resources.use(followChanges(place, pollMs, () => void look()));
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
