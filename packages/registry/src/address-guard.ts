import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * What an address is for: `public`; `private` (RFC 1918, RFC 6598, RFC 4193); `loopback`; or `special`: link-local,
 * where clouds keep their metadata services, unspecified, multicast, documentation and what else is not unicast.
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'special';

interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly Address[]>;

type Subnets = readonly (readonly [network: string, prefixBits: number])[];

// IANA IPv4 and IPv6 Special-Purpose Address Registries; and two metadata services that lie in private networks.
const SPECIAL = blockList(
  [
    ['0.0.0.0', 8],
    ['100.100.100.200', 32],
    ['169.254.0.0', 16],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ],
  [
    ['fd00:ec2::254', 128],
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['3fff::', 20],
  ],
);
const LOOPBACK = blockList([['127.0.0.0', 8]], [['::1', 128]]);
const PRIVATE = blockList(
  [
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ],
  [['fc00::', 7]],
);
// Global unicast, and the two ways of writing an IPv4 address: mapped, and behind NAT64 (RFC 6052).
const GLOBAL = blockList(
  [['0.0.0.0', 0]],
  [
    ['2000::', 3],
    ['::ffff:0:0', 96],
  ],
);

/** What kind of address this IPv4 or IPv6 address is; undefined when it is none. */
export function addressKind(address: string): AddressKind | undefined {
  const family = isIP(address);
  if (family === 0) return undefined;
  const isIn = (list: BlockList) => list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  if (isIn(SPECIAL)) return 'special';
  if (isIn(LOOPBACK)) return 'loopback';
  if (isIn(PRIVATE)) return 'private';
  return isIn(GLOBAL) ? 'public' : 'special';
}

/** The address in a URL's hostname, if it is a literal one; brackets are taken off. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}

/** The system's resolver. */
export const resolveBySystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error) reject(error);
      else resolve(addresses.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })));
    });
  });

/**
 * A lookup for sockets that yields just those addresses which `isAllowed`: what is checked is what is connected to, so a
 * name can't change its address in between.
 * @param refused makes the error for a name that has no allowed address
 */
export function guardedLookup(
  resolve: Resolve,
  isAllowed: (kind: AddressKind) => boolean | Promise<boolean>,
  refused: (hostname: string, addresses: readonly string[]) => Error,
): LookupFunction {
  const allowedAddresses = async (hostname: string): Promise<Address[]> => {
    const found = await resolve(hostname);
    const allowed: Address[] = [];
    for (const each of found) {
      const kind = addressKind(each.address);
      if (kind !== undefined && (await isAllowed(kind))) allowed.push(each);
    }
    if (allowed.length > 0) return allowed;
    throw refused(
      hostname,
      found.map((each) => each.address),
    );
  };
  return (hostname, options, answer) => {
    allowedAddresses(hostname).then(
      (allowed) => {
        if (options.all === true) return answer(null, allowed);
        const [first] = allowed;
        return answer(null, first?.address ?? '', first?.family);
      },
      (error: Error) => answer(error, options.all === true ? [] : ''),
    );
  };
}

/** IPv4 subnets count in their NAT64 form (64:ff9b::/96) too; in the mapped one BlockList knows them itself. */
function blockList(ipv4: Subnets, ipv6: Subnets): BlockList {
  const list = new BlockList();
  for (const [network, bits] of ipv4) {
    if (bits === 0) list.addRange('0.0.0.0', '255.255.255.255', 'ipv4');
    else list.addSubnet(network, bits, 'ipv4');
    list.addSubnet(`64:ff9b::${network}`, 96 + bits, 'ipv6');
  }
  for (const [network, bits] of ipv6) list.addSubnet(network, bits, 'ipv6');
  return list;
}
