import { readFileSync } from 'node:fs';
import { type Gate, type GateConfiguration, openGates } from '@gantry/pipeline';
import { makeSigner } from '../../packages/pipeline/src/gate/contract/signing.ts';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';

/** What cosign itself has pushed, byte by byte: Debian has no cosign, and its skopeo signs in no such form. */
interface Pushed {
  readonly publicKey: string;
  readonly repositories: Readonly<
    Record<
      string,
      {
        readonly manifests: readonly {
          readonly tag?: string;
          readonly mediaType: string;
          readonly text: string;
        }[];
        readonly blobs: readonly string[];
      }
    >
  >;
}

const pushed = JSON.parse(
  readFileSync(new URL('../vectors/cosign/cosign-2.6.5.json', import.meta.url), 'utf8'),
) as Pushed;

let here: SyncHere;
beforeAll(async () => {
  here = await openSyncHere({ referrersApi: false });
  for (const [repository, { manifests, blobs }] of Object.entries(pushed.repositories)) {
    for (const blob of blobs) here.upstream.putBlob(repository, Buffer.from(blob));
    for (const { tag, mediaType, text } of manifests)
      here.upstream.putManifest(
        repository,
        Buffer.from(text),
        mediaType,
        ...(tag === undefined ? [] : [tag]),
      );
  }
  await here.sync();
});
afterAll(() => here[Symbol.asyncDispose]());

async function ask(repository: string, configuration: GateConfiguration) {
  const { flow } = here;
  const candidate = await flow.catalog.candidates.current(repository, '1.0');
  if (candidate === undefined) throw new Error(`${repository}:1.0 was not synced`);
  const [gate] = openGates([configuration]) as [Gate];
  return gate.evaluate(
    { ...candidate, channel: 'stable', reference: '1.0', tags: ['1.0'], approvals: [] },
    { flow, signal: new AbortController().signal },
  );
}

describe.each(['simple', 'bundle'])('what cosign pushes, in the form %s', (repository) => {
  test('is a signature by its key, and by no other', async () => {
    const keys = [{ name: 'cosign', pem: pushed.publicKey }];
    expect(await ask(repository, { signature: { keys } })).toMatchObject([
      { satisfied: true, detail: 'the image is signed by cosign' },
    ]);
    const others = [{ name: 'other', pem: makeSigner().pem }];
    expect(await ask(repository, { signature: { keys: others } })).toMatchObject([{ satisfied: false }]);
  });

  test('is a report of vulnerabilities', async () => {
    expect(await ask(repository, { vulnerabilities: { atMost: { critical: 0 } } })).toMatchObject([
      { name: 'a report', satisfied: true, detail: expect.stringContaining('of 2026-11-21T08:00:00.000Z') },
      { name: 'CVE-2026-0001', satisfied: false, evidence: { package: 'left', fixedIn: '1.0.1' } },
    ]);
  });
});
