import type { Platform } from '@gantry/oci';
import {
  makeChart,
  makeImage,
  makeIndex,
  makeLayer,
  type MadeManifest,
  makeSbom,
  makeSignature,
} from './image-maker.ts';
import type { InProcessRegistry } from './in-process-registry.ts';

const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
const ARM64: Platform = { os: 'linux', architecture: 'arm64' };

/** What `sampleImages` has put into a registry. */
export interface Sample {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: MadeManifest['digest'];
}

/**
 * Fills `registry` with images to try Gantry with: `demo/hello` (two platforms, an SBOM that refers to it, a signature),
 * `demo/web` (Docker schema 2, two versions that share a layer), `demo/team/tools` (a Docker manifest list, a deeper name),
 * `demo/chart` (a Helm chart). The same bytes each time.
 */
export function sampleImages(registry: InProcessRegistry): Sample[] {
  const samples: Sample[] = [];
  const push = (repository: string, made: MadeManifest, ...tags: string[]) => {
    registry.push(repository, made, ...tags);
    samples.push({ repository, tags, digest: made.digest });
  };

  const hello = helloIndex();
  push('demo/hello', hello, '1.0', 'latest');
  registry.push('demo/hello', makeSbom(hello, 'demo/hello'));
  registry.push('demo/hello', makeSignature('demo/hello', hello), `${hello.digest.replace(':', '-')}.sig`);

  push('demo/web', webImage('1.0'), '1.0');
  push('demo/web', webImage('1.1'), '1.1', 'latest');
  push('demo/team/tools', toolsList(), '2026.1');
  push('demo/chart', makeChart('chart', '0.1.0'), '0.1.0');
  return samples;
}

function helloIndex(): MadeManifest {
  const images = [AMD64, ARM64].map((platform) =>
    makeImage({
      platform,
      layers: [
        makeLayer([{ path: '/etc/os-release', content: 'NAME="Gantry sample"\nID=sample\n' }]),
        makeLayer([{ path: '/hello.txt', content: `Hello from ${platform.os}/${platform.architecture}!\n` }]),
      ],
      labels: { 'org.opencontainers.image.title': 'hello', 'org.opencontainers.image.version': '1.0' },
    }),
  );
  return makeIndex(images, { annotations: { 'org.opencontainers.image.version': '1.0' } });
}

function webImage(version: string): MadeManifest {
  return makeImage({
    platform: AMD64,
    layers: [
      makeLayer([{ path: '/etc/mime.types', content: 'text/html html\n' }], 'docker'),
      makeLayer([{ path: '/srv/index.html', content: `<h1>Version ${version}</h1>\n` }], 'docker'),
    ],
    labels: { 'org.opencontainers.image.title': 'web', 'org.opencontainers.image.version': version },
    format: 'docker',
  });
}

function toolsList(): MadeManifest {
  const images = [AMD64, ARM64].map((platform) =>
    makeImage({
      platform,
      layers: [
        makeLayer([{ path: '/opt/tools/README', content: `Tools for ${platform.architecture}\n` }], 'docker'),
      ],
      format: 'docker',
    }),
  );
  return makeIndex(images, { format: 'docker' });
}
