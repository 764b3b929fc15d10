import { Fault } from '@gantry/oci';
import type { MirrorClient, MirrorReply, StatedSerial } from '@gantry/tree';
import { formatDuration } from '@gantry/service';
import type { PoolObject } from '../repositories/additions.ts';
import type { MirrorState } from '../choose/mirror.ts';
import type { DoubtedObject, ProbedTree } from './probe-mirror.ts';
import {
  findAbsent,
  findMissing,
  findWrong,
  messageOf,
  ProbeFailure,
  proveKinds,
  readTarget,
} from './probe-steps.ts';
import { noteSighting, type Redirector } from '../choose/redirector.ts';
import type { Probed } from './settle-probe.ts';

/** So many pointers are read in one probe: each may be of another mirror. */
const POINTERS = 4;
/** So many of the objects that it was believed for are looked for again in each later probe. */
const SEEN_AGAIN = 8;
const NO_KINDS: MirrorState['kinds'] = new Set();

/** It answers itself, where it should redirect: so it does for each path, whatever mirrors it has. */
class NoRedirect extends ProbeFailure {}

/**
 * Looks through a redirector at the mirrors that it knows. It has no one serial, and the mirror that answers here need not be
 * the one that a client is sent to. So it is believed at the lowest serial that was seen of any within the grace, and at none
 * that was published within it. One answer that is wrong puts it in doubt, and rules nothing out; an answer of its own does, and so does
 * one that leads clients astray.
 * Manifests are sent there only if the operator vouches for its mirrors' types, and one of each kind comes rightly.
 * @param doubted objects that clients came back for: they are read whole
 */
export async function probeRedirector(
  client: MirrorClient,
  former: MirrorState,
  { graceMs }: Redirector,
  tree: ProbedTree,
  doubted: readonly DoubtedObject[] = [],
): Promise<Probed> {
  const { mirror } = former;
  let { serial, sightings = [], lastFound } = former;
  try {
    const through = redirecting(client);
    const nowMs = Date.now();
    for (let count = 0; count < POINTERS; count++) {
      const stated = await readTarget(through, tree, { evenExpired: true });
      sightings = noteSighting(sightings, { stated, atMs: nowMs }, graceMs);
    }
    const old = await tree.publishedBy(nowMs - graceMs);
    if (old === undefined)
      throw new ProbeFailure(`nothing was published more than ${formatDuration(graceMs)} ago, its grace`);
    const target = lower(old, sightings[0]?.stated ?? old);
    serial = Math.min(serial, target.statement.serial);
    const problems: string[] = [];
    if (serial < target.statement.serial) {
      const { objects } = await tree.additions(serial, target);
      const missing = await findMissing(through, objects, mirror.seed);
      if (missing === undefined) [lastFound, serial] = [{ after: serial, objects }, target.statement.serial];
      else problems.push(`not believed at serial ${target.statement.serial}: ${missing}`);
    } else if (lastFound !== undefined) {
      const missing = await findAbsent(through, pickSome(lastFound.objects));
      if (missing !== undefined) {
        problems.push(`not believed at serial ${serial} any more: ${missing}`);
        serial = Math.min(serial, lastFound.after);
      }
    }
    for (const object of doubted) {
      const why = await findWrong(through, object, serial >= object.since);
      if (why !== undefined) throw new ProbeFailure([...problems, why].join('; '));
    }
    const { kinds, unproven } = await proveKinds(through, tree.exemplars);
    problems.push(...unproven);
    const state = {
      mirror,
      healthy: serial > 0,
      serial,
      kinds: mirror.trusted ? kinds : NO_KINDS,
      sightings,
      ...(lastFound !== undefined && { lastFound }),
      ...(problems.length === 0 ? {} : { problem: problems.join('; ') }),
    };
    return { state, isCertain: true };
  } catch (error) {
    const state = { mirror, healthy: false, serial, kinds: NO_KINDS, sightings, problem: messageOf(error) };
    return { state, isCertain: error instanceof NoRedirect || leadsAstray(error) };
  }
}

/** It sends clients where none may be sent: in plain text after https, or to the crane's own host with their credentials. */
function leadsAstray(error: unknown): boolean {
  return error instanceof Fault && error.details['leadsTo'] !== undefined;
}

function pickSome(objects: readonly PoolObject[]): readonly PoolObject[] {
  const count = Math.min(objects.length, SEEN_AGAIN);
  return Array.from(
    { length: count },
    () => objects[Math.floor(Math.random() * objects.length)] as PoolObject,
  );
}

function lower(one: StatedSerial, other: StatedSerial): StatedSerial {
  return one.statement.serial < other.statement.serial ? one : other;
}

function redirecting(client: MirrorClient): MirrorClient {
  return {
    head: (path) => checked(path, client.head(path)),
    read: (path, maxBytes, options) => checked(path, client.read(path, maxBytes, options)),
    hash: (path) => checked(path, client.hash(path)),
    readFirst: (path, count) => checked(path, client.readFirst(path, count)),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** MirrorManager answers 200 with a text for a request that it does not understand, and for a repository that is turned off. */
async function checked<T extends MirrorReply>(path: string, asked: Promise<T>): Promise<T> {
  const reply = await asked;
  if (reply.redirects > 0 || reply.status !== 200) return reply;
  throw new NoRedirect(`it answers ${path} with a text of its own, and does not redirect`);
}
