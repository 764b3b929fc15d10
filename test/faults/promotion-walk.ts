import type { Plan, Promotion } from '@gantry/catalog';
import { asFault, type Digest } from '@gantry/oci';
import { acceptPromotion, planPromotion, runPromotion } from '@gantry/pipeline';
import type { MadeManifest } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import { GATED, type GatedPlace, image } from '../fixtures/gated-place.ts';

const STEPS = 60;
const TAG = 'latest';
const BY = { name: 'ci' };

/** What the channel's tag means, and of which promotion that is. */
interface Meaning {
  readonly digest: Digest | null;
  readonly sequence: number;
}

/**
 * Steps of all who take part, in an order that a seed decides: a tag moves at its source, is planned, promoted, tested and
 * published. What must follow from each step is known beforehand.
 */
export class PromotionWalk {
  readonly #place: GatedPlace;
  readonly #random: () => number;
  readonly #made: MadeManifest[] = [];
  readonly #passed = new Set<Digest>();
  readonly #plans: Plan[] = [];
  readonly #promotions: string[] = [];
  readonly #ended = new Set<string>();
  #meaning: Meaning = { digest: null, sequence: 0 };
  /** How often a plan was refused since its base had moved, when it was applied and when it was published. */
  readonly refusals = { applied: 0, published: 0 };
  published = 0;

  constructor(place: GatedPlace, random: () => number) {
    this.#place = place;
    this.#random = random;
  }

  async run(): Promise<void> {
    await this.#move();
    const actions = [
      () => this.#move(),
      () => this.#plan(),
      () => this.#apply(),
      () => this.#promote(),
      () => this.#report(),
      () => this.#advance(),
      () => this.#publish(),
    ];
    for (let step = 0; step < STEPS; step++) await this.#pick(actions)?.();
    for (const made of this.#made) await this.#pass(made);
    for (const id of this.#promotions) await runPromotion(this.#place.flow, GATED, id);
    await this.#publish();
    expectSame(this.#ended.size, this.#promotions.length);
  }

  #pick<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#random() * of.length)];
  }

  /** The source's tag gets another image. */
  async #move(): Promise<void> {
    const made = image(`build ${this.#made.length}`);
    this.#made.push(made);
    await this.#place.sync({ [TAG]: made });
  }

  async #plan(): Promise<void> {
    const items = [{ repository: 'app', reference: TAG }];
    this.#plans.push(await planPromotion(this.#place.flow, GATED, { items, to: 'stable' }, BY));
  }

  async #apply(): Promise<void> {
    const plan = this.#pick(this.#plans);
    if (plan === undefined) return;
    const [item] = plan.items;
    try {
      const { promotion } = await acceptPromotion(
        this.#place.flow,
        GATED,
        { plan: plan.id, to: 'stable' },
        BY,
      );
      expectSame(promotion.items[0]?.digest, item?.digest);
      expectSame(item?.tags[0]?.from ?? null, this.#meaning.digest);
      this.#promotions.push(promotion.id);
    } catch (error) {
      if (asFault(error).code !== 'PRECONDITION_FAILED') throw error;
      expectSame((item?.tags[0]?.from ?? null) === this.#meaning.digest, false);
      this.refusals.applied++;
    }
  }

  async #promote(): Promise<void> {
    const items = [{ repository: 'app', reference: TAG }];
    const { promotion } = await acceptPromotion(this.#place.flow, GATED, { items, to: 'stable' }, BY);
    expectSame(promotion.items[0]?.digest, this.#made.at(-1)?.digest);
    this.#promotions.push(promotion.id);
  }

  async #report(): Promise<void> {
    const made = this.#pick(this.#made);
    if (made !== undefined) await this.#pass(made);
  }

  async #pass(made: MadeManifest): Promise<void> {
    await this.#place.report(made);
    this.#passed.add(made.digest);
  }

  /** A worker has one of the promotions, in whatever order they were accepted. */
  async #advance(): Promise<void> {
    const id = this.#pick(this.#promotions);
    if (id !== undefined) await runPromotion(this.#place.flow, GATED, id);
  }

  /** Publishes what is ready, and says beforehand what must come of it. */
  async #publish(): Promise<void> {
    const { promotions } = this.#place.flow.catalog;
    await this.#place.publisher.publishPending();
    const all = await Promise.all(this.#promotions.map((id) => promotions.get(id)));
    const fresh = all
      .filter((one) => one !== undefined)
      .filter(({ id, endedAt }) => endedAt !== undefined && !this.#ended.has(id))
      .toSorted((a, b) => a.sequence - b.sequence);
    for (const promotion of fresh) this.#expectRight(promotion);
    const view = await openTree(this.#place.tree.target.source);
    const tags = (await view?.repository('app'))?.tags;
    expectSame(tags?.get(TAG) ?? null, this.#meaning.digest);
  }

  #expectRight({ id, state, sequence, items, gates }: Promotion): void {
    this.#ended.add(id);
    const [item] = items;
    const digest = item?.digest as Digest;
    const base = item?.bases?.[TAG];
    const isLater = this.#meaning.sequence > sequence;
    const mayBe =
      base === undefined || digest === this.#meaning.digest || (base === this.#meaning.digest && !isLater);
    expectSame([id, state], [id, mayBe ? 'done' : 'refused']);
    expectSame(
      gates?.map((verdict) => [verdict.digest, verdict.state]),
      [[digest, 'passed']],
    );
    expectSame(this.#passed.has(digest), true);
    if (state === 'refused') this.refusals.published++;
    else if (!isLater) {
      this.#meaning = { digest, sequence };
      this.published++;
    }
  }
}

function expectSame(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}
