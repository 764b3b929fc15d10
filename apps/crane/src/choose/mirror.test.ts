import { readMirrors, unprobed } from './mirror.ts';

const good = { name: 'one', url: 'https://mirror.example/gantry' };

test('a mirror is read with its defaults, its base ending in a slash', () => {
  const [mirror, other] = readMirrors([
    good,
    { ...good, name: 'two', url: 'http://[::1]:8080', weight: 5, trusted: true },
  ]);
  expect(mirror).toMatchObject({ base: 'https://mirror.example/gantry/', weight: 100, trusted: false });
  expect(other).toMatchObject({ base: 'http://[::1]:8080/', weight: 5, trusted: true });
  expect(mirror?.seed).not.toBe(other?.seed);
});

test('whom a mirror is near to is read, with the continents of its countries', () => {
  const [mirror] = readMirrors([
    { ...good, networks: ['192.0.2.7/24'], asns: [64500], countries: ['de', 'JP', 'FR'], private: true },
  ]);
  expect(mirror).toMatchObject({
    networks: [{ family: 4, prefixBits: 24 }],
    asns: [64500],
    countries: ['DE', 'JP', 'FR'],
    continents: ['EU', 'AS'],
    isPrivate: true,
  });
});

test('what could break out of a header is escaped in the base', () => {
  const [mirror] = readMirrors([{ name: 'one', url: 'https://mirror.example/a b\r\nX: y/ü' }]);
  expect(mirror?.base).toMatch(/^[\x21-\x7e]+$/);
});

test.each([
  ['no URL', { url: 'mirror.example/gantry' }],
  ['another protocol', { url: 'ftp://mirror.example/' }],
  ['credentials', { url: 'https://user:secret@mirror.example/' }],
  ['a query', { url: 'https://mirror.example/?a=b' }],
  ['a fragment', { url: 'https://mirror.example/#a' }],
  ['no weight', { weight: 0 }],
  ['a weight that is no number', { weight: Number.NaN }],
  ['no name', { name: '' }],
  ['a network that is none', { networks: ['192.0.2.0/33'] }],
  ['a country that there is not', { countries: ['Germany'] }],
  [
    'a signature that a MirrorManager does not look for',
    { signed: true, mirrormanager: { path: 'gantry', graceMs: 1 } },
  ],
  ['nobody that it is private for', { private: true }],
])('a mirror with %s is refused by name', (_, wrong) => {
  const read = () => readMirrors([{ ...good, ...wrong }]);
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }) as Error);
  expect(read).not.toThrow(/secret/);
});

test('two mirrors of one name are refused', () => {
  expect(() => readMirrors([good, good])).toThrow('another one has the same name');
});

test.each(['https://registry.example/x', 'https://dl.REGISTRY.example', 'https://registry.example:8443'])(
  '%s is refused beside a crane called registry.example',
  (url) => {
    expect(() => readMirrors([{ name: 'one', url }], { publicName: 'Registry.Example' })).toThrow(
      'credentials',
    );
  },
);

test.each(['https://notregistry.example', 'https://example', 'https://registry.example.org'])(
  '%s is no name below registry.example',
  (url) => {
    expect(readMirrors([{ name: 'one', url }], { publicName: 'registry.example' })).toHaveLength(1);
  },
);

test('of a new mirror nothing is believed', () => {
  const [mirror] = readMirrors([good]);
  if (mirror === undefined) throw new Error('no mirror');
  expect(unprobed(mirror)).toMatchObject({ healthy: false, serial: 0, kinds: new Set() });
});

test.each([
  ['capitals', 'https://DL.Registry.EXAMPLE/x', 'registry.example'],
  ['a dot at the end', 'https://registry.example./x', 'registry.example'],
  ['a dot at the end of the own name', 'https://dl.registry.example/x', 'Registry.example.'],
  ['a port of the own name', 'https://registry.example:8443/x', 'registry.example:443'],
  ['letters beyond ASCII', 'https://dl.b\u00fccher.example/x', 'xn--bcher-kva.example'],
  ['full-width letters', 'https://\uff52egistry.example/x', 'registry.example'],
  ['an escape', 'https://registr%79.example/x', 'registry.example'],
  ['an address in another form', 'http://0x7f.1:5000/x', '127.0.0.1'],
  ['an address as one number', 'http://2130706433/x', '127.0.0.1'],
  ['an IPv6 address in another form', 'http://[0:0::0:1]/x', '[::1]:5000'],
])('the own name is known by %s', (_, url, publicName) => {
  for (const mirrormanager of [undefined, { path: 'gantry', graceMs: 1 }])
    expect(() =>
      readMirrors([{ name: 'one', url, ...(mirrormanager && { mirrormanager }) }], { publicName }),
    ).toThrow('credentials');
});
