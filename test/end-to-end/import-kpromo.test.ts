import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fill, helloImage } from '../fixtures/build-registry.ts';
import { startDockerRegistry } from '../servers/docker-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { GANTRY_BIN, gantry, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** A promoter manifest becomes a tree: by the configuration that is made of it, and by the commands in its comments. */
const real = needs('docker-registry');
const [apple, pear] = [helloImage('apple'), helloImage('pear')];

real.test(
  "what dmap asks for is published under the destination's name, by tags that the staging registry does not have",
  async () => {
    await using folder = await temporaryFolder('kpromo');
    await using registry = await startDockerRegistry();
    await fill(registry, [
      { name: 'staging/apple', tags: new Map([['build-7', apple]]) },
      { name: 'staging/tools/pear', tags: new Map([['build-8', pear]]) },
    ]);
    await writeFile(
      path.join(folder.path, 'manifest.yaml'),
      `registries:
- { name: "${registry.host}/staging", src: true }
- name: registry.example.org/prod
images:
- { name: apple, dmap: { "${apple.digest}": ["1.1", latest] } }
- { name: tools/pear, dmap: { "${pear.digest}": ["1.0"] } }
`,
    );
    const words = ['config', 'import', 'kpromo', 'manifest.yaml', '-o', 'gantry.yaml'];
    expect(await gantry(folder.path, words)).toMatchObject({ code: 0 });
    const source = `127.0.0.1-${new URL(registry.url).port}-staging`;
    expect(await gantry(folder.path, ['sync', source, '--local'])).toMatchObject({ code: 0 });
    await run(
      'sh',
      [
        '-euc',
        `gantry() { "${process.execPath}" "${GANTRY_BIN}" "$@" --local --wait; }
         sed -n 's/^ *# gantry promote/gantry promote/p' gantry.yaml > promotions
         . ./promotions`,
      ],
      { cwd: folder.path },
    );
    const [listen, admin] = await freePorts(2);
    const crane = {
      listen: `127.0.0.1:${listen}`,
      adminListen: `127.0.0.1:${admin}`,
      tree: path.join(folder.path, 'data/tree'),
      mirrors: [],
    };
    await using serving = await startGantry({
      folder: path.join(folder.path, 'crane'),
      configuration: { crane },
      service: 'crane',
    });
    try {
      for (const [reference, digest] of [
        ['prod/apple/manifests/1.1', apple.digest],
        ['prod/apple/manifests/latest', apple.digest],
        ['prod/tools/pear/manifests/1.0', pear.digest],
      ]) {
        const answer = await fetch(`http://${serving.crane}/v2/${reference}`, { method: 'HEAD' });
        expect([reference, answer.headers.get('docker-content-digest')]).toEqual([reference, digest]);
      }
    } catch (error) {
      throw withLogs(error, [registry, serving]);
    }
  },
  60_000,
);
