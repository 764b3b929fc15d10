import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import type { Crane } from '../crane.ts';

export const LIST = MANIFEST_MEDIA_TYPES['docker-list'];
export const SCHEMA_2 = MANIFEST_MEDIA_TYPES['docker-manifest'];

/** What clients send: Docker before 1.10 nothing of types, Docker since then all of Docker's, Docker of today OCI's as well. */
export const ACCEPTS = {
  none: undefined,
  anything: '*/*',
  'docker 1.10': `${SCHEMA_2}, application/vnd.docker.distribution.manifest.v1+prettyjws, application/json`,
  'docker 1.13': `${LIST}, ${SCHEMA_2}, application/vnd.docker.distribution.manifest.v1+prettyjws`,
  'lists only': LIST,
  'OCI only': 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
} as const;

const digest = (hex: string) => `sha256:${hex.repeat(64).slice(0, 64)}`;
export const A_SCHEMA2 = digest('a1d9');
export const A_LIST = digest('3e0e');
export const AMD64 = digest('c555');
export const UNKNOWN = digest('9');

/** A redirect file of each version, as the tests of Pulp's Crane have them. */
export const FILES = {
  'foo.json': {
    version: 1,
    repository: 'foo',
    'repo-registry-id': 'redhat/foo',
    url: 'http://cdn.example/foo/bar/images/',
    images: [{ id: 'abc123' }, { id: 'xyz789' }],
    tags: { latest: 'abc123', test: 'def234' },
  },
  'bar.json': {
    version: 1,
    repository: 'bar',
    'repo-registry-id': 'bar',
    url: 'http://cdn.example/bar/baz/images',
    images: [{ id: 'def456' }],
    tags: { latest: 'def456' },
  },
  'baz.json': {
    version: 1,
    repository: 'baz',
    'repo-registry-id': 'baz',
    url: 'http://cdn.example/foo/path/bar/baz/images',
    images: [{ id: 'baz123' }],
    tags: { latest: 'baz123' },
    protected: true,
  },
  'deep/er/foo_v2.json': {
    version: 2,
    repository: 'foo',
    'repo-registry-id': 'redhat/foo',
    url: 'http://cdn.example/foo/bar',
  },
  'foo_v3.json': {
    version: 3,
    repository: 'foo3',
    'repo-registry-id': 'redhat/foo3',
    url: 'http://cdn.example/foo/three',
    schema2_data: [A_SCHEMA2, '1.25.1-musl', '1.25.0-glibc'],
  },
  'empty_v3.json': {
    version: 3,
    repository: 'empty',
    'repo-registry-id': 'redhat/empty',
    url: 'http://cdn.example/empty',
    schema2_data: [],
  },
  'zoo_v4.json': {
    version: 4,
    repository: 'zoo',
    'repo-registry-id': 'redhat/zoo',
    url: 'http://cdn.example/zoo/bar',
    protected: false,
    type: 'pulp-docker-redirect',
    schema2_data: [A_SCHEMA2, '1.25.1-musl', '1.25.0-glibc'],
    manifest_list_data: ['bar', A_LIST, 'latest', 'only-list'],
    manifest_list_amd64_tags: { bar: [AMD64, 2], latest: [AMD64, 1] },
  },
  'words.json': {
    version: 2,
    repository: 'words',
    'repo-registry-id': 'x/manifests/y',
    url: 'http://cdn.example/words/',
  },
  'protected.json': {
    version: 2,
    repository: 'protected',
    'repo-registry-id': 'protected',
    url: 'http://cdn.example/bar/baz/protected',
    protected: true,
  },
} as const;

export async function writeFiles(folder: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Asks as it is told and no more: `fetch` would send an Accept of its own, and resolve paths with dots. */
export function askPlain(
  crane: Crane,
  target: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  const { hostname, port } = new URL(crane.url);
  request({ hostname, port, path: target, method, headers, agent: false }, (response) => {
    const pieces: Buffer[] = [];
    response.on('data', (piece: Buffer) => pieces.push(piece));
    response.on('error', reject);
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(pieces).toString(),
      }),
    );
  })
    .on('error', reject)
    .end();
  return promise;
}

export const accepting = (accept: string | undefined) => (accept === undefined ? {} : { Accept: accept });
