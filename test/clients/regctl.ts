import path from 'node:path';
import { digestOf, parseDigest, splitDigest } from '@gantry/oci';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import type { Client } from './client.ts';

/** `regctl image copy` with all that belongs to an image: referrers by the API, and tags named after its digest. */
export async function openRegctl(): Promise<Client> {
  return {
    pull: async (reference) => {
      await using folder = await temporaryFolder('regctl');
      const copy = `ocidir://${path.join(folder.path, 'copy')}:copy`;
      const remote = ['--host', `reg=${reference.slice(0, reference.indexOf('/'))},tls=disabled`];
      const env = { ...process.env, HOME: folder.path };
      await run('regctl', [...remote, 'image', 'copy', '--referrers', '--digest-tags', reference, copy], {
        env,
      });
      const body = await run('regctl', [...remote, 'manifest', 'get', '--format', 'raw-body', reference], {
        env,
      });
      const digest = parseDigest((await run('regctl', ['image', 'digest', copy], { env })).trim());
      const got = digestOf(body, splitDigest(digest).algorithm);
      if (got !== digest) throw new Error(`regctl copied ${digest}, and then got ${got}`);
      return { digest };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Digests of what refers to an image, as `regctl artifact list` finds them. */
export async function referrersByRegctl(reference: string): Promise<string[]> {
  const remote = ['--host', `reg=${reference.slice(0, reference.indexOf('/'))},tls=disabled`];
  const listed = await run('regctl', [...remote, 'artifact', 'list', '--format', '{{json .}}', reference]);
  const { descriptors } = JSON.parse(listed) as { descriptors?: { digest: string }[] | null };
  return (descriptors ?? []).map((descriptor) => descriptor.digest);
}
