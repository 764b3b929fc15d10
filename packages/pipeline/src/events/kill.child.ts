import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Candidate } from '@gantry/catalog';
import type { CloudEvent } from '@gantry/messages';
import { type Digest, digestOf } from '@gantry/oci';
import { makeImage, makeLayer } from '@gantry/registry';
import type { BlobStore } from '@gantry/store';
import { acceptPromotion } from '../promote/accept.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from '../publish/publisher.ts';
import { candidateEvents } from './candidate-events.ts';
import { startEventSender } from './event-sender.ts';
import { CHANNELS, openParts } from './kill.fixture.ts';

/**
 * What the test kills: `node kill.child.ts ROOT NAME WHEN` syncs, promotes and publishes until then. The broker is a file,
 * which takes a line as it comes, durable or not: the process may die, not the machine.
 */
const [root = '', name = '', when = ''] = process.argv.slice(2);
const { flow, tree } = await openParts(root);

/** A word for the parent, which may kill now. */
const say = (word: string) => void process.stdout.write(`${word}\n`);

async function publish(event: CloudEvent): Promise<void> {
  if (when === 'before-publish') {
    say(`holds ${event.id}`);
    await new Promise(() => {}); // the broker never gets it
  }
  await pause(1);
  appendFileSync(join(root, 'broker'), `${JSON.stringify(event)}\n`);
  if (when === 'after-publish') {
    say(`holds ${event.id}`);
    await new Promise(() => {}); // the broker has it, and its word does not come
  }
}

startEventSender({ flow, messages: { publish } });
const publisher = createPublisher(flow, tree);
for (let at = 0; ; at++) {
  const text = `${name}-${at}`;
  await putImage(flow.store, text);
  const request = { items: [{ repository: 'app', reference: text }], to: 'stable' };
  const { promotion } = await acceptPromotion(flow, CHANNELS, request, { name: 'test' });
  await runPromotion(flow, CHANNELS, promotion.id);
  await publisher.publishPending();
  say(`promoted ${promotion.id}`);
}

/** An image with a tag of that name, as a sync puts it. */
async function putImage(store: BlobStore, text: string): Promise<void> {
  const image = makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });
  for (const { bytes } of [...image.blobs, image]) await putBytes(store, bytes);
  const { digest, size, mediaType } = image;
  const blobs = image.blobs.map((blob) => ({ digest: blob.digest, size: blob.size }));
  await flow.catalog.manifests.put({ digest, kind: 'oci-manifest', size, manifests: [], blobs });
  const candidate: Candidate = {
    source: 'candidates',
    sourceRepository: 'app',
    repository: 'app',
    tag: text,
    digest,
    mediaType,
    platforms: ['linux/amd64'],
    size,
    labels: {},
    syncedAt: flow.now().toISOString(),
    companions: [],
    referrers: [],
  };
  await flow.catalog.candidates.put(candidate, candidateEvents(undefined, candidate));
}

async function putBytes(store: BlobStore, bytes: Buffer): Promise<Digest> {
  const digest = digestOf(bytes);
  await using writer = await store.write(digest, bytes.length);
  if (writer.offset < bytes.length) await writer.append(bytes.subarray(writer.offset));
  await writer.commit();
  return digest;
}
