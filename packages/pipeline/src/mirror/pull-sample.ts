import { type Digest, digestOf, forEachConcurrently, splitDigest } from '@gantry/oci';
import type { MirrorClient, MirrorReply } from '@gantry/tree';
import { type SampledObject, WHOLE_BYTES } from './choose-sample.ts';

const AT_ONCE = 4;

/** What came of pulling objects through a mirror. */
export interface Pulled {
  /** What was found wrong first, as a sentence's end; undefined: all came with their own bytes. */
  readonly problem?: string;
  /** Whether all manifests came with their Content-Type; undefined: there were none. */
  readonly rightTypes?: boolean;
}

/** Pulls objects through a mirror, each by its digest. @throws what the client throws */
export async function pullSample(client: MirrorClient, objects: readonly SampledObject[]): Promise<Pulled> {
  let problem: string | undefined;
  let rightTypes: boolean | undefined;
  await forEachConcurrently(objects, AT_ONCE, async (object) => {
    if (problem !== undefined) return;
    const { reply, why } =
      object.size !== undefined && object.size > WHOLE_BYTES
        ? await lookAtLarge(client, object)
        : await pullWhole(client, object);
    if (why !== undefined) problem ??= `${object.path} ${why}`;
    else if (object.mediaType !== undefined)
      rightTypes = rightTypes !== false && reply.contentType === object.mediaType;
  });
  return {
    ...(problem === undefined ? {} : { problem }),
    ...(rightTypes === undefined ? {} : { rightTypes }),
  };
}

interface Seen {
  readonly reply: MirrorReply;
  readonly why: string | undefined;
}

async function pullWhole(client: MirrorClient, { path, size, digest }: SampledObject): Promise<Seen> {
  const reply = await client.read(path, WHOLE_BYTES);
  const why = refused(reply, 200, size) ?? (hasDigest(reply.bytes, digest) ? undefined : OTHER_BYTES);
  return { reply, why };
}

async function lookAtLarge(client: MirrorClient, { path, size, beginning }: SampledObject): Promise<Seen> {
  const reply = await client.head(path);
  const why = refused(reply, 200, size);
  if (why !== undefined || beginning === undefined) return { reply, why };
  const came = await client.readFirst(path, beginning.length);
  if (came.status !== 200 && came.status !== 206) return { reply, why: `is answered with ${came.status}` };
  return { reply, why: Buffer.compare(came.bytes, beginning) === 0 ? undefined : OTHER_BYTES };
}

const OTHER_BYTES = 'does not come with its own bytes';

function refused(reply: MirrorReply, status: number, size: number | undefined): string | undefined {
  if (reply.status !== status) return `is answered with ${reply.status}`;
  if (reply.contentEncoding !== '') return `came with Content-Encoding ${reply.contentEncoding}`;
  if (size !== undefined && reply.sizeBytes !== undefined && reply.sizeBytes !== size)
    return `has ${reply.sizeBytes} bytes there, not ${size}`;
  return undefined;
}

function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, splitDigest(digest).algorithm) === digest;
}
