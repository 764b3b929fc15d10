import type { CompanionTag, ManifestRecord, PromotionItem } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import type { Flow } from '../context.ts';
import { readContentGraph } from '../content-graph.ts';

/** What random histories of a repository are made of: few manifests that share what is under them, and tags that meet. */

const TAGS = ['a', 'b', 'c', 'latest', '__proto__'];
const digest = (name: string) => digestOf(name);
const sig = (subject: string) => `${digest(subject).replace(':', '-')}.sig`;

interface Made {
  readonly name: string;
  readonly children?: readonly string[];
  readonly blobs?: readonly string[];
  readonly subject?: string;
}

const MADE: readonly Made[] = [
  ...['i0', 'i1', 'i2', 'i3'].map((name) => ({ name, blobs: ['base', `${name} layer`, `${name} config`] })),
  { name: 'x0', children: ['i0', 'i1'] },
  { name: 'x1', children: ['i1', 'i2'] },
  { name: 'x2', children: ['x0', 'i3'] },
  ...['i0', 'i1', 'x0', 'x1'].flatMap((of) =>
    ['old', 'new'].map((age) => ({ name: `${of} ${age} signature`, blobs: [`${of} ${age} payload`] })),
  ),
  ...['i0', 'i1', 'x1', 'i0 sbom'].map((of) => ({ name: `${of} sbom`, blobs: ['empty'], subject: of })),
  { name: 'i0 second sbom', blobs: ['empty'], subject: 'i0' },
];
const ROOTS = ['i0', 'i1', 'i3', 'x0', 'x1', 'x2'];

/** Puts all of it into store and catalog. */
export async function putMade({ catalog, store }: Pick<Flow, 'catalog' | 'store'>): Promise<void> {
  const put = async (text: string) => {
    const bytes = Buffer.from(text);
    await using writer = await store.write(digest(text), bytes.length);
    if (writer.offset < bytes.length) await writer.append(bytes.subarray(writer.offset));
    await writer.commit();
  };
  for (const { name, children = [], blobs = [], subject } of MADE) {
    for (const text of [name, ...blobs]) await put(text);
    const record: ManifestRecord = {
      digest: digest(name),
      kind: children.length > 0 ? 'oci-index' : 'oci-manifest',
      size: name.length,
      ...(subject !== undefined && { subject: digest(subject), artifactType: 'text/sbom' }),
      manifests: children.map(digest),
      blobs: blobs.map((text) => ({ digest: digest(text), size: text.length })),
    };
    await catalog.manifests.put(record);
  }
}

/** One thing that somebody asks for. */
export type Asked =
  | { readonly kind: 'set'; readonly tags: readonly string[]; readonly root: string; readonly with: number }
  | { readonly kind: 'remove'; readonly tag: string };

export type Step =
  | {
      readonly kind: 'publish';
      readonly asked: readonly Asked[];
      /** Of catalog and tree, after which the publisher dies. */
      readonly calls: number;
    }
  | { readonly kind: 'wait'; readonly days: number }
  | { readonly kind: 'full' };

const tag = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...TAGS) },
  { weight: 1, arbitrary: fc.constantFrom(sig('i0'), sig('x0')) },
);
const asked: fc.Arbitrary<Asked> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      tags: fc.uniqueArray(tag, { minLength: 1, maxLength: 2 }),
      root: fc.constantFrom(...ROOTS),
      with: fc.nat({ max: 63 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), tag }) },
);

/** Histories of one repository. */
export const histories: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        asked: fc.array(asked, { minLength: 1, maxLength: 3 }),
        calls: fc.oneof(
          { weight: 3, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
          { weight: 1, arbitrary: fc.nat({ max: 90 }) },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.nat({ max: 20 }) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'full' as const }) },
  ),
  { minLength: 2, maxLength: 12 },
);

/** An item as a promotion has it; what goes with an image is chosen by bits, as what was signed late does not. */
export async function itemOf(
  { catalog }: Pick<Flow, 'catalog'>,
  channel: string,
  one: Asked,
): Promise<PromotionItem> {
  const place = { channel, repository: 'app', reference: 'any', state: 'accepted' as const };
  if (one.kind === 'remove')
    return { ...place, tags: [one.tag], digest: null, companions: [], referrers: [] };
  const { manifests } = await readContentGraph(catalog, [digest(one.root)]);
  const reached = new Set<Digest>(manifests.keys());
  const companions: CompanionTag[] = [];
  const referrers: Digest[] = [];
  let bits = one.with;
  const isTaken = () => {
    const [isOne, rest] = [bits % 2 === 1, Math.floor(bits / 2)];
    bits = rest;
    return isOne;
  };
  for (const subject of ['i0', 'i1', 'x0', 'x1']) {
    if (!reached.has(digest(subject)) || !isTaken()) continue;
    const age = isTaken() ? 'new' : 'old';
    companions.push({ tag: sig(subject), digest: digest(`${subject} ${age} signature`) });
  }
  for (const { name, subject } of MADE) {
    if (subject === undefined || !reached.has(digest(subject)) || !isTaken()) continue;
    referrers.push(digest(name));
    reached.add(digest(name));
  }
  return { ...place, tags: one.tags, digest: digest(one.root), companions, referrers };
}
