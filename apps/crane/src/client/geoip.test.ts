import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Address, parseAddress } from '@gantry/service';
import { temporaryFolder, testLog, until } from '../crane.fixture.ts';
import { type GeoipFiles, openGeoip } from './geoip.ts';
import { makeMmdb } from './mmdb.fixture.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => (folder = await temporaryFolder()));
afterEach(() => folder[Symbol.asyncDispose]());

const address = (text: string) => parseAddress(text) as Address;

async function opened(files: GeoipFiles, lookEveryMs?: number) {
  const told = { changes: 0, failures: 0 };
  const logger = testLog();
  const geoip = await openGeoip(files, {
    logger,
    onChange: () => told.changes++,
    onFailure: () => told.failures++,
    ...(lookEveryMs !== undefined && { lookEveryMs }),
  });
  return { geoip, told, errors: () => logger.lines.filter(({ level }) => level === 'error').length };
}

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(folder.path, name);
  await writeFile(file, bytes);
  return file;
}

test('an address has the country, the continent and the AS that the files say', async () => {
  const country = await fileOf(
    'country.mmdb',
    makeMmdb({
      '192.0.2.0/24': { country: { iso_code: 'DE' }, continent: { code: 'EU' } },
      '2001:db8::/32': { country_code: 'JP' },
      '198.51.100.0/24': { country_code: 'XX' },
    }),
  );
  const asn = await fileOf('asn.mmdb', makeMmdb({ '192.0.2.128/25': { autonomous_system_number: 64500 } }));
  const { geoip } = await opened({ country, asn });
  using _ = geoip;
  const placeOf = (text: string) => geoip.findPlace(address(text));
  expect(placeOf('192.0.2.200')).toEqual({ country: 'DE', continent: 'EU', asn: 64500 });
  expect(placeOf('::ffff:192.0.2.1')).toEqual({ country: 'DE', continent: 'EU' });
  expect(placeOf('2001:db8::1')).toEqual({ country: 'JP', continent: 'AS' }); // the file knows no continents
  expect(placeOf('198.51.100.1')).toEqual({ country: 'XX' });
  expect(placeOf('203.0.113.1')).toEqual({});
});

test('a real file is read', async () => {
  const country = createRequire(import.meta.url).resolve(
    '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb',
  );
  const { geoip } = await opened({ country });
  using _ = geoip;
  expect(geoip.findPlace(address('193.0.6.139'))).toEqual({ country: 'NL', continent: 'EU' }); // RIPE NCC
  expect(geoip.findPlace(address('133.11.0.1'))).toEqual({ country: 'JP', continent: 'AS' }); // the University of Tokyo
  expect(geoip.findPlace(address('127.0.0.1'))).toEqual({});
});

test('with no files nobody is anywhere', async () => {
  const { geoip } = await opened({});
  using _ = geoip;
  expect(geoip.findPlace(address('192.0.2.1'))).toEqual({});
});

test('a file that has changed is in use after the next look; one that is broken is told of, and the former one goes on', async () => {
  const country = await fileOf('country.mmdb', makeMmdb({ '192.0.2.0/24': { country_code: 'DE' } }));
  const { geoip, told, errors } = await opened({ country });
  using _ = geoip;
  const here = () => geoip.findPlace(address('192.0.2.1')).country;
  await geoip.check();
  expect(told).toEqual({ changes: 0, failures: 0 });
  await fileOf(
    'country.mmdb',
    makeMmdb({ '192.0.2.0/24': { country_code: 'FR' }, '198.51.100.0/24': { country_code: 'DE' } }),
  );
  await geoip.check();
  expect(here()).toBe('FR');
  expect(told).toEqual({ changes: 1, failures: 0 });
  await fileOf('country.mmdb', Buffer.from('no database'));
  await geoip.check();
  expect(here()).toBe('FR');
  expect(told).toEqual({ changes: 1, failures: 1 });
  await geoip.check();
  expect(told).toEqual({ changes: 1, failures: 2 });
  expect(errors()).toBe(1); // not at every look
});

test('files are looked at by themselves', async () => {
  const country = await fileOf('country.mmdb', makeMmdb({ '192.0.2.0/24': { country_code: 'DE' } }));
  const { geoip, told } = await opened({ country }, 10);
  using _ = geoip;
  await fileOf('country.mmdb', makeMmdb({ '198.51.100.0/24': { country_code: 'FR' } }));
  await until(() => told.changes > 0);
  expect(geoip.findPlace(address('198.51.100.1')).country).toBe('FR');
});

test.each([
  ['is absent', undefined, 'no such file'],
  ['is something else', Buffer.from('no database'), '.mmdb'],
  ['is empty', Buffer.alloc(0), 'it is empty'],
  ['is cut short', makeMmdb({ '192.0.2.0/24': { country_code: 'DE' } }).subarray(0, 300), '.mmdb'],
])('a file that %s is refused by its key and name', async (_, bytes, why) => {
  const file = bytes === undefined ? path.join(folder.path, 'absent.mmdb') : await fileOf('asn.mmdb', bytes);
  await expect(opened({ asn: file })).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringContaining(why) as string,
    details: { key: 'crane.geoip.asn', path: file },
  });
});
