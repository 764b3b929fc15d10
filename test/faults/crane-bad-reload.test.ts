import { copyFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import {
  type Configuration,
  embeddedConfiguration,
  type Gantry,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** What a crane can't use when it reads its configuration and files anew: the former goes on, and log and metric tell. At the start: crane-bad-input.test.ts. */

const PLACES = createRequire(import.meta.resolve('@gantry/app-crane')).resolve(
  '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb',
);
const BLOB = Buffer.from('a layer');
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(BLOB),
      size: BLOB.length,
    },
    layers: [],
  }),
);
/** Nobody answers there: as the last resort a trusted mirror is named all the same. */
const GOOD = { name: 'good', url: 'http://127.0.0.1:9/good', trusted: true };

let folder: TemporaryFolder;
let configuration: Configuration & Required<Pick<Configuration, 'crane'>>;
let crane: Gantry;
const places = () => path.join(folder.path, 'places.mmdb');

/** Writes the file with this in the section `crane`, and sends SIGHUP. */
async function reload(section: object): Promise<void> {
  const { crane: former } = configuration;
  await writeConfiguration(folder.path, { ...configuration, crane: { ...former, ...section } });
  process.kill(crane.pid, 'SIGHUP');
}

/** The lines of the log that have this text. */
const lines = (text: string) =>
  crane
    .log()
    .split('\n')
    .filter((line) => line.includes(text));

async function failures(reason: string): Promise<number> {
  const metrics = await (await fetch(`${crane.admin}/metrics`)).text();
  const pattern = new RegExp(`^gantry_crane_reload_failures_total\\{reason="${reason}"[^}]*\\} (\\d+)`, 'm');
  return Number(pattern.exec(metrics)?.[1] ?? 0);
}

async function location(): Promise<string> {
  const answer = await fetch(`http://${crane.crane}/v2/app/blobs/${digestOf(BLOB)}`, { redirect: 'manual' });
  return answer.headers.get('location') ?? String(answer.status);
}

beforeAll(async () => {
  folder = await temporaryFolder('crane-bad-reload');
  await layTree(path.join(folder.path, 'data/tree'), {
    repositories: [
      { name: 'app', tags: { latest: digestOf(MANIFEST) }, manifests: [MANIFEST], blobs: [BLOB] },
    ],
  });
  await writeFile(path.join(folder.path, 'text'), 'neither a key nor places');
  await copyFile(PLACES, places());
  configuration = await embeddedConfiguration({
    crane: { name: 'registry.example', mirrors: [GOOD], geoip: { country: './places.mmdb' } },
  });
  crane = await startGantry({ folder: folder.path, configuration, service: 'crane' });
}, 60_000);

afterAll(async () => {
  await crane?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const BAD = { ...GOOD, name: 'bad' };

test.each([
  ['a mirror at no address', { mirrors: [GOOD, { ...BAD, url: 'ftp://m.example' }] }, 'crane.mirrors[1].url'],
  [
    "a mirror on the crane's own name",
    { mirrors: [GOOD, { ...BAD, url: 'https://registry.example/m' }] },
    'bad',
  ],
  ['a mirror below it', { mirrors: [GOOD, { ...BAD, url: 'https://m.registry.example' }] }, 'bad'],
  ['two mirrors of one name', { mirrors: [GOOD, { ...BAD, name: 'good' }] }, 'crane.mirrors[1].name'],
  ['a country that there is not', { mirrors: [GOOD, { ...BAD, countries: ['XX'] }] }, 'the mirror "bad"'],
  [
    'a network that is none',
    { mirrors: [GOOD, { ...BAD, networks: ['192.0.2.0/33'] }] },
    'crane.mirrors[1].networks[0]',
  ],
  ['a proxy that is none', { trustedProxies: ['nobody'] }, 'crane.trustedProxies[0]'],
  ['a key that is none', { trustedKeys: ['./text'] }, 'crane.trustedKeys[0]'],
  ['a key that is not there', { trustedKeys: ['./nothing'] }, 'crane.trustedKeys[0]'],
  ['a name that the configuration does not know', { mirors: [GOOD] }, 'crane.mirors'],
])(
  'at SIGHUP %s is refused with its place, and the former configuration goes on',
  async (_, section, subject) => {
    const [told, counted] = [lines('configuration.refused').length, await failures('configuration')];
    await reload(section);
    await until('the refusal', () => lines('configuration.refused').length > told);
    const line = lines('configuration.refused').at(-1) ?? '';
    expect(line).toMatch(/gantry\.yaml:\d+:\d+: /);
    expect(line.replaceAll('\\"', '"')).toContain(subject);
    expect(await failures('configuration')).toBe(counted + 1);
    expect(await location()).toContain('/good/pool/blobs/');
  },
);

test.each([
  ['an empty file', '', 'crane is missing'],
  ['a file that is cut short before the crane', 'api: {}\n', 'crane is missing'],
  ['one that is cut short within it', 'crane:\n', 'crane is missing'],
  [
    'one that is cut short before the mirrors',
    'crane: { name: registry.example }\n',
    'crane.mirrors is missing',
  ],
])('at SIGHUP %s takes no mirror away', async (_, text, why) => {
  const [told, counted] = [lines('configuration.refused').length, await failures('configuration')];
  await writeFile(path.join(folder.path, 'gantry.yaml'), text);
  process.kill(crane.pid, 'SIGHUP');
  await until('the refusal', () => lines('configuration.refused').length > told);
  expect(lines('configuration.refused').at(-1)).toContain(why);
  expect(await failures('configuration')).toBe(counted + 1);
  expect(await location()).toContain('/good/pool/blobs/');
});

test('at SIGHUP what would take a restart is told by its keys', async () => {
  await reload({ listen: '127.0.0.1:1', manifests: 'serve' });
  await until('the warning', () => lines('configuration.needs_restart').length > 0);
  const line = lines('configuration.needs_restart').at(-1);
  expect(line).toContain('"keys":["crane.listen","crane.manifests"]');
  expect(await location()).toContain('/good/pool/blobs/');
});

test.each([
  ['is cut short', () => truncate(places(), 1000)],
  ['is something else', () => writeFile(places(), 'no places')],
  ['is gone', () => rm(places())],
])('a file of places that %s is told of by its name, and the former one goes on', async (_, spoil) => {
  const told = lines('a file of places can not be used').length;
  const counted = await failures('geoip');
  await spoil();
  await reload({});
  await until('the error', () => lines('a file of places can not be used').length > told);
  const line = lines('a file of places can not be used').at(-1);
  expect(line).toContain('places.mmdb');
  expect(line).toContain('crane.geoip.country');
  expect(await failures('geoip')).toBeGreaterThan(counted);
  expect(await location()).toContain('/good/pool/blobs/');
});

test('what is right again is taken, and one process has done all this', async () => {
  await copyFile(PLACES, places());
  await reload({ mirrors: [{ ...GOOD, url: 'http://127.0.0.1:9/other' }] });
  await until('the other mirror', async () => (await location()).includes('/other/pool/blobs/'));
  await until('the places', () => lines('the places of addresses are read anew').length > 0);
  expect(await crane.stop()).toEqual({ code: 0, signal: null });
});
