import { openGatedPlace } from '../fixtures/gated-place.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { PromotionWalk } from './promotion-walk.ts';
import { SEED, SOAK } from './soak.ts';

/**
 * A tag of the source and the same tag of a channel move in any order between plan, acceptance, gate and publication. What
 * is published is always what was gated, and a plan never overwrites what it did not find.
 */

const WALKS = SOAK ? 60 : 6;
test(`tags that move between plan, acceptance, gate and publication, ${WALKS} times: what was gated is published`, async () => {
  const random = seededRandom(SEED);
  const seen = { published: 0, applied: 0, late: 0 };
  for (let walk = 1; walk <= WALKS; walk++) {
    await using folder = await temporaryFolder('promotion-moves');
    await using place = await openGatedPlace(folder.path);
    const one = new PromotionWalk(place, random);
    await one.run();
    seen.published += one.published;
    seen.applied += one.refusals.applied;
    seen.late += one.refusals.published;
  }
  // It was about something.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
}, 600_000);
