import { ALL_CLIENTS } from '../clients/all-clients.ts';
import type { Client } from '../clients/client.ts';
import { SOAK } from '../faults/soak.ts';
import { PULLED } from '../fixtures/defective-mirrors.ts';
import { openTurningMirrors, type Turn, type TurningMirrors } from '../fixtures/turning-mirrors.ts';
import { needs } from '../servers/parts.ts';

/** Real clients, whose nearest mirror turns bad after it was probed: the second pull goes through at the latest, without a probe of the clock's. */

const TURNS: readonly Turn[] = ['other bytes', '404', '500', 'cut'];
const [IMAGE, INDEX] = PULLED as [(typeof PULLED)[number], (typeof PULLED)[number]];

let world: TurningMirrors;
const real = needs('nginx').showing(() => world?.servers ?? []);
real.beforeAll(async () => {
  world = await openTurningMirrors();
}, 60_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

for (const [place, { name, parts, open }] of ALL_CLIENTS.entries()) {
  const withClient = needs('nginx', ...parts).showing(() => world?.servers ?? []);
  let client: Client;
  withClient.beforeAll(async () => {
    client = await open();
  }, 60_000);
  withClient.afterAll(async () => client?.[Symbol.asyncDispose](), 60_000);

  // containerd goes on from wrong bytes that it kept, whatever it is sent then.
  const turns = name === 'containerd' ? TURNS.slice(1) : TURNS;
  for (const turn of SOAK ? turns : turns.filter((_, index) => index % 2 === place % 2)) {
    withClient.test(
      `${name} pulls whole from elsewhere when its mirror turns bad: ${turn}`,
      async () => {
        const { repository, made } = IMAGE;
        const tries = await triesOf(client, turn, `${repository}@${made.digest}`, made.digest);
        // `crane validate` reads each layer twice, which looks like coming back.
        expect(tries).toBeLessThanOrEqual(name === 'crane' ? 3 : 2);
        // Of several images at once one may be on its way to the mirror while another one comes back from it.
        if (SOAK)
          expect(await triesOf(client, turn, `${INDEX.repository}:1`, INDEX.made.digest)).toBeLessThanOrEqual(
            3,
          );
      },
      120_000,
    );
  }
}

/** How many pulls it took until one went through, of three at the most. */
async function triesOf(client: Client, turn: Turn, reference: string, digest: string): Promise<number> {
  world.turn('none');
  await using crane = await world.crane();
  world.turn(turn);
  for (let tries = 1; ; tries++) {
    try {
      const pulled = await client.pull(`${new URL(crane.url).host}/${reference}`);
      expect(pulled.digest).toBe(digest);
      return tries;
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}
