import type { Changeable } from '../changeable.ts';
import type { CameBack } from '../choose/choose-mirror.ts';
import type { CraneLogger } from '../options.ts';
import { type Clients, createClients } from './clients.ts';
import { type GeoipFiles, openGeoip } from './geoip.ts';

/** Clients, as mirrors, proxies and files of places are now. */
export interface OpenClients extends Disposable {
  readonly clients: Clients;
  /** Takes other mirrors and proxies from now on, and looks whether a file of places has changed. */
  take(next: Changeable): void;
}

export interface OpenClientsOptions {
  /** Absent: nobody's place is known. */
  readonly geoip: GeoipFiles | undefined;
  readonly logger: CraneLogger;
  readonly onCameBack: CameBack;
  /** A file of places has changed and can't be used; the former one goes on. */
  readonly onUnreadablePlaces: () => void;
}

/** @throws Fault CONFIGURATION_INVALID for a file of places that can't be used */
export async function openClients(
  first: Changeable,
  { geoip: files = {}, logger, onCameBack, onUnreadablePlaces }: OpenClientsOptions,
): Promise<OpenClients> {
  let present = first;
  const geoip = await openGeoip(files, {
    logger,
    onChange: () => (known = newClients()),
    onFailure: onUnreadablePlaces,
  });
  const newClients = () => createClients({ ...present, findPlace: geoip.findPlace, onCameBack });
  let known = newClients();
  return {
    clients: (request) => known(request),
    take(next) {
      present = next;
      known = newClients();
      void geoip.check();
    },
    [Symbol.dispose]: () => geoip[Symbol.dispose](),
  };
}
