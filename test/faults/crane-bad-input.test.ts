import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { embeddedConfiguration, gantry, writeConfiguration } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** What a crane can't use stops its start: exit 2, and where in the file it stands. Reloads: crane-bad-reload.test.ts. */
const M = { name: 'm', url: 'https://m.example' };

test.each([
  ['a mirror list that is none', { mirrors: 'm.example' }, 'crane.mirrors'],
  [
    'a network that is none',
    { mirrors: [{ ...M, networks: ['192.0.2.0/33'] }] },
    'crane.mirrors[0].networks[0]',
  ],
  ['a proxy that is none', { trustedProxies: ['nobody'] }, 'crane.trustedProxies[0]'],
  ['a country that there is not', { mirrors: [{ ...M, countries: ['XX'] }] }, 'the mirror "m"'],
  ['nobody that a mirror is private for', { mirrors: [{ ...M, private: true }] }, 'the mirror "m"'],
  ['an .mmdb file that is none', { geoip: { country: './text' } }, 'crane.geoip.country'],
  ['an .mmdb file that is not there', { geoip: { asn: './nothing' } }, 'crane.geoip.asn'],
  ['a key that is none', { trustedKeys: ['./text'] }, 'crane.trustedKeys[0]'],
  ['a key that is not there', { trustedKeys: ['./nothing'] }, 'crane.trustedKeys[0]'],
  ['a tree that is a file', { tree: './text' }, 'is no directory'],
  ['a tree at no address', { tree: 'https://user:secret@tree.example' }, 'crane.tree'],
])(
  'a crane with %s does not start, and says where it stands',
  async (_, crane, subject) => {
    await using folder = await temporaryFolder('crane-bad-input');
    await writeFile(path.join(folder.path, 'text'), 'neither a key nor places');
    await writeConfiguration(folder.path, await embeddedConfiguration({ crane }));
    const { code, stderr } = await gantry(folder.path, ['serve', 'crane']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/gantry\.yaml:\d+:\d+: /) });
    expect(stderr).toContain(subject);
    expect(stderr).not.toContain('secret');
  },
  60_000,
);
