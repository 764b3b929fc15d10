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
