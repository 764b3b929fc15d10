import { readFile, stat } from 'node:fs/promises';
import { asFault, Fault, quote } from '@gantry/oci';
import { type Address, formatAddress } from '@gantry/service';
import { countries } from 'countries-list';
import { Reader, type Response } from 'mmdb-lib';
import type { ClientPlace } from '../choose/nearness.ts';
import type { CraneLogger } from '../options.ts';
import type { FindPlace } from './clients.ts';

/** Files in MaxMind's format (MaxMind DB File Format Specification 2.0). */
export interface GeoipFiles {
  /** Of countries, or of cities. */
  readonly country?: string;
  readonly asn?: string;
}

/** Knows where addresses are, as files say; a file that changes is read anew. */
export interface Geoip extends Disposable {
  readonly findPlace: FindPlace;
  /** Looks now whether a file has changed; returns when it is in use. Never rejects. */
  check(): Promise<void>;
}

export interface GeoipOptions {
  readonly logger: CraneLogger;
  /** Another file is in use from now on. */
  readonly onChange: () => void;
  /** A file has changed and can't be used; the former one goes on. */
  readonly onFailure: () => void;
  /** How often files are looked at; 10 s if absent. */
  readonly lookEveryMs?: number;
}

const LOOK_EVERY_MS = 10_000;

/** What files of different makers hold of an address. */
interface Entry {
  readonly country?: { readonly iso_code?: string };
  readonly country_code?: string;
  readonly continent?: { readonly code?: string };
  readonly autonomous_system_number?: number | string;
}

/** @throws Fault CONFIGURATION_INVALID for a file that can't be read, or is none of the format */
export async function openGeoip(
  files: GeoipFiles,
  { logger, onChange, onFailure, lookEveryMs = LOOK_EVERY_MS }: GeoipOptions,
): Promise<Geoip> {
  const tables = await Promise.all(
    (['country', 'asn'] as const).map(async (kind) => {
      const file = files[kind];
      const table = file === undefined ? undefined : await load(kind, file);
      return { kind, file, table, told: undefined as string | undefined };
    }),
  );
  const lookUp = (kind: 'country' | 'asn', text: string): Entry =>
    (tables.find((one) => one.kind === kind)?.table?.reader.get(text) as Entry | null | undefined) ?? {};

  let checking: Promise<void> | undefined;
  const check = async () => {
    for (const one of tables) {
      if (one.file === undefined || one.table === undefined) continue;
      try {
        const table = await load(one.kind, one.file, one.table);
        one.told = undefined;
        if (table === one.table) continue;
        one.table = table;
        logger.info({ file: one.file }, 'the places of addresses are read anew');
        onChange();
      } catch (error) {
        onFailure();
        const fault = asFault(error);
        if (one.told === fault.message) continue; // it is told once, not at every look
        one.told = fault.message;
        logger.error(
          { file: one.file, err: fault },
          'a file of places can not be used, the former one goes on',
        );
      }
    }
  };
  const checkOnce = () => (checking ??= check().finally(() => (checking = undefined)));
  const timer = setInterval(() => void checkOnce(), lookEveryMs);
  timer.unref();

  return {
    findPlace(address: Address) {
      const text = formatAddress(address);
      const entry = lookUp('country', text);
      const country = entry.country?.iso_code ?? entry.country_code;
      const continent = entry.continent?.code ?? continentOf(country);
      const asn = Number(lookUp('asn', text).autonomous_system_number ?? Number.NaN);
      const place: Omit<ClientPlace, 'address'> = {
        ...(country !== undefined && { country }),
        ...(continent !== undefined && { continent }),
        ...(Number.isInteger(asn) && { asn }),
      };
      return place;
    },
    check: checkOnce,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function continentOf(country: string | undefined): string | undefined {
  if (country === undefined || !Object.hasOwn(countries, country)) return undefined;
  return countries[country as keyof typeof countries].continent;
}

interface Table {
  readonly reader: Reader<Response>;
  /** Tells one state of the file from another. */
  readonly mark: string;
}

/** @returns `former` if the file has not changed since */
async function load(kind: 'country' | 'asn', file: string, former?: Table): Promise<Table> {
  try {
    const mark = await markOf(file);
    if (former?.mark === mark) return former;
    const bytes = await readFile(file);
    if (bytes.length === 0) throw new Error('it is empty');
    const reader = new Reader<Response>(bytes);
    reader.get('192.0.2.1'); // a file that is cut short shows it here at the latest
    return { reader, mark };
  } catch (cause) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `crane.geoip.${kind}: ${quote(file)} can not be used as a file of places (.mmdb): ${(cause as Error).message}`,
      { key: `crane.geoip.${kind}`, path: file },
      { cause },
    );
  }
}

async function markOf(file: string): Promise<string> {
  const { ino, size, mtimeMs, ctimeMs } = await stat(file);
  return [ino, size, mtimeMs, ctimeMs].join(' ');
}
