import { openPlainHttp } from '../clients/plain-http.ts';
import { DAMAGED, type Damaged, DAMAGES, layDamagedTree } from '../fixtures/damaged-tree.ts';
import { openQuickCrane } from '../fixtures/quick-crane.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** Files of the tree that a crane reads are damaged while it serves: it never says that something is not there which is. */

/**
 * What is answered for `manifests/latest` and for the referrers of what that is, when a file is damaged: of a name that was asked
 * for before; of one that was not; and of the first one once a new serial is published in which just that file is damaged.
 * `former` is what the serial before says.
 */
const ANSWERS: Readonly<Record<Damaged, { known: string; unasked: string; published: string }>> = {
  pointer: { known: '200 200', unasked: '200 200', published: 'former' },
  statement: { known: '200 200', unasked: '200 200', published: '200 200' },
  root: { known: '200 200', unasked: '200 200', published: 'former' },
  shard: { known: '200 200', unasked: '503 503', published: 'former' },
  repository: { known: '200 200', unasked: '503 503', published: 'former' },
  referrers: { known: '200 200', unasked: '200 503', published: '200 503' },
  manifest: { known: '200 200', unasked: '503 200', published: '503 200' },
};

test.each(DAMAGED.map((what) => ({ what, ...ANSWERS[what] })))(
  'a damaged $what: known $known, not asked for yet $unasked, of a new serial $published; whole again, all is served',
  async ({ what, known, unasked, published }) => {
    using http = openPlainHttp(8);
    const answers = await Promise.all(
      DAMAGES.map(async (how) => {
        await using folder = await temporaryFolder('damaged');
        const names = ['known', 'unasked'];
        // Each serial changes both names.
        const tree = await layDamagedTree(folder.path, { names, serials: 3, random: () => 0.1 });
        await tree.publish(1);
        await tree.publish(2);
        await using crane = await openQuickCrane(tree.served);
        const ask = async (name: string, serial: number) => {
          const image = tree.states[serial]?.get(name)?.image.digest ?? '';
          const manifest = await http.ask(`${crane.url}/v2/${name}/manifests/latest`);
          const referrers = await http.ask(`${crane.url}/v2/${name}/referrers/${image}`);
          const digest = manifest.headers['docker-content-digest'];
          const former = tree.states[serial - 1]?.get(name)?.image.digest;
          if (digest !== undefined && digest === former) return 'former';
          const isOther = digest !== undefined && digest !== image;
          return isOther ? digest : `${manifest.status} ${referrers.status}`;
        };
        const first = await ask('known', 2);
        await tree.damage(what, how, 2, 'known');
        await tree.damage(what, how, 2, 'unasked');
        await crane.refresh();
        const damaged = { first, known: await ask('known', 2), unasked: await ask('unasked', 2) };
        await tree.mend();
        await until('all to be served', async () => (await ask('unasked', 2)) === '200 200');
        await tree.damage(what, how, 3, 'known');
        await tree.publish(3);
        await crane.refresh();
        const third = await ask('known', 3);
        await tree.mend();
        await until('the new serial to be served', async () => (await ask('known', 3)) === '200 200');
        return { how, ...damaged, published: third };
      }),
    );
    expect(answers).toEqual(DAMAGES.map((how) => ({ how, first: '200 200', known, unasked, published })));
  },
  60_000,
);
