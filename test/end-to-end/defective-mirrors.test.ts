import { ALL_CLIENTS } from '../clients/all-clients.ts';
import type { Client } from '../clients/client.ts';
import {
  type Defect,
  type DefectiveMirrors,
  openDefectiveMirrors,
  PULLED,
} from '../fixtures/defective-mirrors.ts';
import { SOAK } from '../faults/soak.ts';
import { needs } from '../servers/parts.ts';

/** Real clients, of which the nearest mirror has a defect that a probe finds: no pull fails, as another one is whole. */

const DEFECTS: readonly Defect[] = [
  'lags',
  'types',
  'corrupts',
  'refuses',
  'hangs',
  'leads on by 302',
  'leads on by 307',
];

let turn = 0;
let world: DefectiveMirrors;
const real = needs('nginx').showing(() => world?.servers ?? []);
real.beforeAll(async () => {
  world = await openDefectiveMirrors();
}, 60_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

for (const { name, parts, open } of ALL_CLIENTS) {
  const withClient = needs('nginx', ...parts).showing(() => world?.servers ?? []);
  let client: Client;
  withClient.beforeAll(async () => {
    client = await open();
  }, 60_000);
  withClient.afterAll(async () => client?.[Symbol.asyncDispose](), 60_000);

  for (const defect of DEFECTS) {
    withClient.test(
      `${name} pulls all from elsewhere that the nearest mirror does not serve rightly: it ${defect}`,
      async () => {
        for (const { manifests, image, reference } of pullsOf(defect)) {
          const { repository, made, hello } = image;
          await using crane = await world.crane(defect, manifests);
          const pulled = await client.pull(`${new URL(crane.url).host}/${repository}${reference}`);
          expect({ manifests, repository, reference, ...pulled }).toEqual({
            manifests,
            repository,
            reference,
            digest: made.digest,
            ...(pulled.hello === undefined ? {} : { hello }),
          });
        }
      },
      60_000,
    );
  }
}

/** Each thing by tag and by digest, in each mode; without the soak one of them, another one each time. */
function pullsOf(defect: Defect) {
  // A mirror of wrong types is no good for manifests, as `redirect` does not ask for.
  const modes = defect === 'types' ? (['auto', 'serve'] as const) : (['auto', 'redirect', 'serve'] as const);
  const all = PULLED.flatMap((image) =>
    [':1', `@${image.made.digest}`].flatMap((reference) =>
      modes.map((manifests) => ({ manifests, image, reference })),
    ),
  );
  if (SOAK) return all;
  return [all[(turn += 5) % all.length] as (typeof all)[number]];
}
