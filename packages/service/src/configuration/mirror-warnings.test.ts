import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-mirrors-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const warningsOf = async (listen: string, url: string) =>
  (await load(cwd, `crane: { listen: "${listen}", mirrors: [{ name: m, url: "${url}" }] }\n`)).warnings;

test('a mirror on loopback is warned of where clients from elsewhere come', async () => {
  expect(await warningsOf('0.0.0.0:5080', 'http://127.0.0.1:8080/gantry')).toEqual([
    expect.stringContaining('crane.mirrors[0].url: "http://127.0.0.1:8080/gantry" is on loopback'),
  ]);
  expect(await warningsOf('[::]:5080', 'http://[::1]/gantry')).toHaveLength(1);
  expect(await warningsOf('0.0.0.0:5080', 'https://mirror.example.org/gantry')).toEqual([]);
  expect(await warningsOf('127.0.0.1:5080', 'http://127.0.0.1:8080/gantry')).toEqual([]);
});

const tlsWarningsOf = async (tls: string) => {
  const mirrors = '[{ name: m, url: "http://m.example" }, { name: s, url: "https://s.example" }]';
  return (await load(cwd, `crane: { ${tls} mirrors: ${mirrors} }\n`)).warnings;
};

test('an http mirror is warned of where the crane itself is https', async () => {
  expect(await tlsWarningsOf('tls: { certFile: a.pem, keyFile: a.key },')).toEqual([
    expect.stringContaining('crane.mirrors[0].url: "http://m.example" is http, and with crane.tls'),
  ]);
  expect(await tlsWarningsOf('')).toEqual([]);
});

const crane = (mirror: string, geoip = '{}') =>
  `crane:\n  geoip: ${geoip}\n  mirrors:\n    - { name: m, url: "https://m.example", ${mirror} }\n`;
const found = async (...text: Parameters<typeof crane>) => (await load(cwd, crane(...text))).warnings;

test('countries and systems are warned of where no file tells where clients are', async () => {
  expect(await found('asns: [1]')).toEqual([
    expect.stringMatching(/gantry\.yaml:4:\d+: crane\.mirrors\[0\]\.asns: .*crane\.geoip\.asn.* is not set/),
  ]);
  expect(await found('countries: [DE], asns: [1]', '{ asn: a.mmdb }')).toEqual([
    expect.stringContaining('crane.mirrors[0].countries: counts for nothing: crane.geoip.country'),
  ]);
  expect(await found('countries: [DE], private: true, networks: [192.0.2.0/24]')).toHaveLength(1);
  expect(await found('networks: [192.0.2.0/24], private: true')).toEqual([]);
  expect(await found('countries: [DE], asns: [1]', '{ asn: a.mmdb, country: c.mmdb }')).toEqual([]);
});

test('a private mirror that nobody can ever be sent to is refused', async () => {
  expect(await problemsOf(cwd, crane('countries: [DE], private: true'))).toEqual([
    expect.stringMatching(
      /gantry\.yaml:4:\d+: crane\.mirrors\[0\]: .*set crane\.geoip\.country, or name networks/,
    ),
  ]);
  const both = 'countries: [DE], asns: [1], private: true';
  expect(await problemsOf(cwd, crane(both))).toEqual([
    expect.stringContaining('set crane.geoip.country or crane.geoip.asn'),
  ]);
  expect(await problemsOf(cwd, crane(both, '{ asn: a.mmdb }'))).toEqual([]);
  expect(await problemsOf(cwd, crane('private: true'))).toEqual([]); // the crane says what is wrong with it
});
