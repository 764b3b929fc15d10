import { formatAddress, liesWithin } from '@gantry/service';
import type { ClientPlace, Neighbourhood } from './nearness.ts';
import type { MirrorState } from './mirror.ts';
import { qualifies, type Wanted } from './choose-mirror.ts';

/**
 * Why a client is sent to a mirror, or would be after others: how near it is, and what speaks for it or against it besides.
 * @param wasThere whether the client was sent there for the object just before
 */
export function whyChosen(
  state: MirrorState,
  wanted: Wanted,
  place: ClientPlace,
  wasThere: boolean,
): readonly string[] {
  const { mirror, onTrial, suspected, inDoubt, problem } = state;
  const isLastResort = !qualifies(state, wanted);
  return [
    ...(isLastResort
      ? [`last resort: trusted, and ${state.healthy ? `believed at serial ${state.serial}` : problem}`]
      : []),
    nearBy(mirror, place),
    ...(wasThere ? ['this client was sent there for it within the last 30 s'] : []),
    ...(suspected === true ? ['suspected: a client came back from it'] : []),
    ...(onTrial === true ? ['on trial: it was out of use'] : []),
    ...(inDoubt === true && !isLastResort ? [`in doubt: ${problem}`] : []),
  ];
}

/** What of a client's place is that of a mirror, the nearest that is. */
function nearBy(
  { networks, asns, countries, continents }: Neighbourhood,
  { address, asn, country, continent }: ClientPlace,
): string {
  const [narrowest] =
    address === undefined
      ? []
      : networks
          .filter((network) => liesWithin(address, network))
          .toSorted((one, other) => other.prefixBits - one.prefixBits);
  if (narrowest !== undefined) return `network ${formatAddress(narrowest)}/${narrowest.prefixBits}`;
  if (asn !== undefined && asns.includes(asn)) return `AS ${asn}`;
  if (country !== undefined && countries.includes(country)) return `country ${country}`;
  if (continent !== undefined && continents.includes(continent)) return `continent ${continent}`;
  return 'for everybody';
}
