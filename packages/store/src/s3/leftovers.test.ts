import { Fault } from '@gantry/oci';
import { Leftovers } from './leftovers.ts';

/** A bucket of which some things can't be done; notes what is tried. */
function bucketThatDenies(denied: Set<string>) {
  const tried: string[] = [];
  const attempt = (what: string) => {
    tried.push(what);
    if (denied.has(what)) throw new Fault('CONFIGURATION_INVALID', `${what}: access is denied`);
  };
  return {
    tried,
    removeAbandonedUploads: async () => {
      attempt('uploads');
      return 0;
    },
    removeOldProbes: async () => attempt('probes'),
  };
}

test('a right that is missing is told once, until all has worked again, and keeps nothing else from being removed', async () => {
  const denied = new Set(['uploads']);
  const client = bucketThatDenies(denied);
  const told: Fault[] = [];
  const leftovers = new Leftovers(client, 'blobs/', (fault) => told.push(fault));
  for (let time = 0; time < 3; time++) await leftovers.remove(1000);
  expect(client.tried).toEqual(['uploads', 'probes', 'uploads', 'probes', 'uploads', 'probes']);
  expect(told).toMatchObject([
    { code: 'CONFIGURATION_INVALID', message: expect.stringContaining('uploads: access is denied') },
  ]);

  denied.clear();
  await leftovers.remove(1000);
  denied.add('probes');
  for (let time = 0; time < 2; time++) await leftovers.remove(1000);
  expect(told.map(({ message }) => message)).toEqual([
    'uploads: access is denied',
    'probes: access is denied',
  ]);
});

test('what fails as it was called off is not told', async () => {
  const told: Fault[] = [];
  const leftovers = new Leftovers(bucketThatDenies(new Set(['uploads'])), 'blobs/', (fault) =>
    told.push(fault),
  );
  await leftovers.remove(1000, { signal: AbortSignal.abort() });
  expect(told).toEqual([]);
});
