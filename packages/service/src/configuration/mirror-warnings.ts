import type { Configuration } from './configuration.ts';
import { isLoopbackAddress } from './listen-address.ts';
import type { Problem } from './problems.ts';

/** Mirrors at a loopback address, where clients from elsewhere come to the crane: they would be sent to themselves. */
export function mirrorsOnLoopback({ crane }: Configuration): Problem[] {
  if (crane === undefined || isLoopbackAddress(crane.listen)) return [];
  return (crane.mirrors ?? []).flatMap(({ url }, index) => {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    if (!isLoopbackAddress({ host, port: 0 })) return [];
    return {
      path: ['crane', 'mirrors', index, 'url'],
      value: url,
      message:
        'is on loopback, and crane.listen is not: clients on other machines are sent to themselves; write the address that they reach it at',
    };
  });
}

/** Mirrors at http, where clients come to the crane by https: none of them is ever sent there. */
export function httpBesideTls({ crane }: Configuration): Problem[] {
  if (crane?.tls === undefined) return [];
  return (crane.mirrors ?? []).flatMap(({ url }, index) => {
    if (!/^http:/i.test(url)) return [];
    return {
      path: ['crane', 'mirrors', index, 'url'],
      value: url,
      message:
        'is http, and with crane.tls clients come by https, which are not sent on to http: nobody is sent there; write an https address',
    };
  });
}

/** Mirrors that are for some clients alone, where nothing tells these from others. */
export function privateForNobody({ crane }: Configuration): Problem[] {
  return placedMirrors(crane).flatMap(({ index, told, isPrivate, hasNetworks }) => {
    // One with none of them is refused by the crane.
    if (!isPrivate || hasNetworks || told.length === 0 || told.some(({ isKnown }) => isKnown)) return [];
    const message = `is private for clients whom nothing can tell from others, so that nobody is ever sent there: set ${told.map(({ file }) => file).join(' or ')}, or name networks`;
    return { path: ['crane', 'mirrors', index], message };
  });
}

/** Mirrors with countries or systems, where no file tells where a client is. */
export function placesWithoutFiles({ crane }: Configuration): Problem[] {
  return placedMirrors(crane).flatMap(({ index, told }) =>
    told
      .filter(({ isKnown }) => !isKnown)
      .map(({ key, file }) => ({
        path: ['crane', 'mirrors', index, key],
        message: `counts for nothing: ${file}, the file that tells where clients are, is not set`,
      })),
  );
}

function placedMirrors(crane: Configuration['crane']) {
  return (crane.mirrors ?? []).map(({ asns, countries, networks, private: isPrivate }, index) => ({
    index,
    isPrivate,
    hasNetworks: networks.length > 0,
    told: [
      ...(countries.length === 0
        ? []
        : [{ key: 'countries', file: 'crane.geoip.country', isKnown: crane.geoip.country !== undefined }]),
      ...(asns.length === 0
        ? []
        : [{ key: 'asns', file: 'crane.geoip.asn', isKnown: crane.geoip.asn !== undefined }]),
    ],
  }));
}
