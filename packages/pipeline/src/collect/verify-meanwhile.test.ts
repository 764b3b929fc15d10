import { join } from 'node:path';
import { directoryTree, type TreeSource, verifyTree } from '@gantry/tree';
import { DAY_MS, openCollected } from './tree/collecting.fixture.ts';

const ROUNDS = 8;
const TEXTS = Array.from({ length: ROUNDS }, (_, at) => `text-${at}`);

test('a tree that is published to and collected while it is verified, again and again, is whole each time', async () => {
  await using place = await openCollected({ graceMs: DAY_MS, keepSnapshots: 2, keepSnapshotsForMs: DAY_MS });
  await place.push(['app', 'web'], TEXTS);
  await place.publish('app', 'latest', 'text-0');
  const directory = directoryTree(join(place.fixture.root, 'tree'));
  // As a server is seen, whose files are asked for one by one.
  const asked: TreeSource = {
    name: directory.name,
    read: (file, maxBytes) => directory.read(file, maxBytes),
    stat: (file) => directory.stat(file),
    open: (file) => directory.open(file),
  };

  const over = new AbortController();
  const errors: string[] = [];
  const serials = new Set<number>();
  const verifying = (async () => {
    for (let round = 0; !over.signal.aborted; round++) {
      const nowMs = place.fixture.clock.getTime();
      const result = await verifyTree(round % 2 === 0 ? directory : asked, { deep: true, nowMs });
      serials.add(result.statement?.serial ?? 0);
      for (const { severity, kind, message } of result.findings)
        if (severity === 'error') errors.push(`${kind} ${message}`);
    }
  })();
  let removed = 0;
  try {
    for (const text of TEXTS) {
      await place.publish('app', 'latest', text);
      await place.publish('web', text, text);
      place.pass(DAY_MS);
      removed += (await place.collect()).removed.objects;
    }
  } finally {
    over.abort();
    await verifying;
  }
  expect(removed).toBeGreaterThan(0);
  expect(errors).toEqual([]);
  expect(serials.size).toBeGreaterThan(2);
}, 120_000);
