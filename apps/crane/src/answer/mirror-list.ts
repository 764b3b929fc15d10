import { type Answer, jsonAnswer, SHORT_LIVED } from './answer.ts';
import { type Client, type Wanted } from '../choose/choose-mirror.ts';
import { foreseeMirrors } from '../choose/foresee-mirrors.ts';
import { locationOf, type MirrorState } from '../choose/mirror.ts';
import { whyChosen } from '../choose/why-chosen.ts';

const NOT_KEPT = ['Cache-Control', 'no-store'] as const;

/** The version of what `/mirrors` answers. */
const VERSION = 1;

/**
 * The answer to `/mirrors`: which hosts a redirect may name, for those who have to allow them in a firewall, and how far
 * each mirror is believed. `hosts` changes with the configuration alone. Those of `redirectsFurther` among them lead to hosts
 * that they alone know.
 * @param redirectFileHosts those that redirect files lead to, which change with the files
 */
export function mirrorsAnswer(
  states: readonly MirrorState[],
  redirectFileHosts: readonly string[] = [],
): Answer {
  const hosts = hostsOf(states);
  const redirectsFurther = hostsOf(states.filter(({ mirror }) => mirror.redirector !== undefined));
  const mirrors = states.map(({ mirror, healthy, serial }) => ({
    name: mirror.name,
    url: mirror.base,
    trusted: mirror.trusted,
    private: mirror.isPrivate,
    countries: mirror.countries,
    usable: healthy,
    serial,
    ...(mirror.redirector !== undefined && { redirectsFurther: true }),
  }));
  return jsonAnswer(
    'mirrors',
    `${JSON.stringify({ version: VERSION, hosts, redirectsFurther, redirectFileHosts, mirrors })}\n`,
    SHORT_LIVED,
  );
}

function hostsOf(states: readonly MirrorState[]): readonly string[] {
  return [...new Set(states.map(({ mirror }) => new URL(mirror.base).host))].toSorted();
}

/** Whether a blob's query string asks why each mirror was chosen or left out, and not for the blob. */
export function asksForMirrorList(query: string): boolean {
  return query !== '' && new URLSearchParams(query).has('mirrorlist');
}

/**
 * The answer to `?mirrorlist` on a blob: all mirrors. First the one that the client would be sent to now, then those after it,
 * in the order that it would be sent to them if it came back each time; each with its reasons.
 */
export function mirrorListAnswer(
  states: readonly MirrorState[],
  wanted: Wanted,
  path: string,
  client: Client,
): Answer {
  const { digest, since } = wanted;
  const before = client.sentBefore(wanted);
  const near = new Set(client.pools.flatMap((pool) => pool.order(digest)));
  const foreseen = foreseeMirrors(states, wanted, client);
  const members = new Set([...foreseen, ...near, ...states.keys()]);
  const judged = [...members].map((member) => {
    const state = states[member] as MirrorState;
    const leftOut = foreseen.includes(member) ? undefined : whyNot(state, wanted, near.has(member));
    return { state, leftOut, wasThere: before.includes(member) };
  });
  const chosen = judged
    .filter(({ leftOut }) => leftOut === undefined)
    .map(({ state, wasThere }, index) => ({
      name: state.mirror.name,
      url: locationOf(state.mirror, path),
      chosen: index === 0,
      rank: index + 1,
      why: whyChosen(state, wanted, client.place ?? {}, wasThere).join('; '),
      weight: state.mirror.weight,
    }));
  const others = judged
    .filter(({ leftOut }) => leftOut !== undefined)
    .map(({ state: { mirror }, leftOut }) => ({ name: mirror.name, url: locationOf(mirror, path), leftOut }));
  const mirrors = [...chosen, ...others];
  return jsonAnswer('blob', `${JSON.stringify({ digest, since, mirrors })}\n`, NOT_KEPT);
}

/** Why a client is not sent to a mirror; undefined: it may be. */
function whyNot(
  { mirror, healthy, serial, problem }: MirrorState,
  { repository, since, signedOnly }: Wanted,
  isNear: boolean,
): string | undefined {
  if (!isNear)
    return mirror.isPrivate
      ? 'it is private, and not for this client'
      : 'its address is http, and this client came by https';
  if (!healthy) return `it is not used: ${problem}`;
  if (serial < since) return `it is believed at serial ${serial}, and this came with serial ${since}`;
  if (signedOnly === true && !mirror.isSigned) return 'this is private, and it looks for no signature';
  if (mirror.carries?.(repository) === false) return 'it does not carry this repository';
  return undefined;
}
