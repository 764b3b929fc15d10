import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { importsOf } from './architecture/imports-of.ts';

/**
 * The direction of dependencies: who may import which of our packages. A package may further import just what its own
 * package.json names, so that its `dependencies` tell the truth; npm itself holds nothing, as it hoists them all.
 */
const PACKAGES = ['oci', 'tree', 'registry', 'store', 'catalog', 'messages', 'pipeline', 'service'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'packages/oci': [],
  'packages/tree': ['oci'],
  'packages/registry': ['oci'],
  'packages/store': ['oci'],
  'packages/catalog': ['oci'],
  'packages/messages': ['oci'],
  'packages/pipeline': ['oci', 'tree', 'registry', 'store', 'catalog', 'messages'],
  'packages/service': ['oci'],
  'apps/sync': PACKAGES,
  'apps/promote': PACKAGES,
  'apps/cache': PACKAGES,
  'apps/crane': ['oci', 'tree', 'service'],
  'apps/cli': [...PACKAGES, 'app-sync', 'app-promote', 'app-cache', 'app-crane'],
};
/** Faces that a package has beside its `.`: for what another package shares that is no part of its interface. */
const SIDE_FACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // The tree's S3 target and the store's use one client, and the SDK is a dependency of just one package.
  'packages/store': { './s3': './src/s3/index.ts' },
  // RE2 takes longer to load than all else of the package, and most who import that need no glob.
  'packages/oci': { './glob': './src/glob.ts' },
  // Too quick to be measured through a socket.
  'apps/crane': { './bench': './src/bench.ts' },
};
const MAX_LINES = 400;

interface PackageJson {
  readonly name: string;
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as PackageJson;
const sources = (folder: string) =>
  globSync(`${folder}/**/*.{ts,js}`, {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  }).toSorted();
const ours = (names: Iterable<string>) =>
  [...names].filter((name) => name.startsWith('@gantry/')).map((name) => name.slice('@gantry/'.length));
/** `@scope/name/deep` is of the package `@scope/name`. */
const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const isTestCode = (file: string) => /\.(test|contract|fixture)\.ts$|\/contract\//.test(file);

/** What tests everywhere are written with, fast-check for one, is the root's. */
const sharedTools = readJson('package.json').devDependencies;

const workspaces = globSync('{packages,apps}/*/package.json', { cwd: root }).map((file) =>
  path.dirname(file),
);

test('every workspace has its place in the table of allowed imports', () => {
  expect(workspaces.filter((workspace) => MAY_IMPORT[workspace] === undefined)).toEqual([]);
});

for (const workspace of workspaces.toSorted()) {
  const { name, exports, dependencies = {}, devDependencies = {} } = readJson(`${workspace}/package.json`);

  test(`${workspace} depends on no package of ours but those that the architecture allows`, () => {
    const allowed = MAY_IMPORT[workspace] ?? [];
    const known = ours([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
    expect(known.filter((dependency) => !allowed.includes(dependency))).toEqual([]);
  });

  test(`${workspace} imports just what its package.json names, and itself by relative paths`, () => {
    const wrong = sources(workspace).flatMap((file) => {
      const named = { ...dependencies, ...(isTestCode(file) ? { ...sharedTools, ...devDependencies } : {}) };
      return importsOf(path.join(root, file))
        .filter((specifier) => {
          if (specifier.startsWith('node:')) return false;
          if (specifier.startsWith('.')) return !staysIn(workspace, file, specifier);
          return !Object.hasOwn(named, packageOf(specifier));
        })
        .map((specifier) => `${file}: ${specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  test(`${workspace} has one public face, ./src/index.ts, and the side faces that are named here`, () => {
    expect(name.startsWith('@gantry/')).toBe(true);
    expect(exports).toEqual({ '.': './src/index.ts', ...SIDE_FACES[workspace] });
    expect(existsSync(path.join(root, workspace, 'src/index.ts'))).toBe(true);
  });
}

/** The names by which packages of ours may be imported: `@gantry/store`, and `@gantry/store/s3`. */
const faces = new Set(
  workspaces.flatMap((workspace) => {
    const { name } = readJson(`${workspace}/package.json`);
    return [name, ...Object.keys(SIDE_FACES[workspace] ?? {}).map((face) => path.posix.join(name, face))];
  }),
);

test('a package of ours is imported by one of its faces, never a file in it', () => {
  const wrong = ['packages', 'apps', 'test', 'scripts'].flatMap(sources).flatMap((file) =>
    importsOf(path.join(root, file))
      .filter((specifier) => specifier.startsWith('@gantry/') && !faces.has(specifier))
      .map((specifier) => `${file}: ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test('tests and scripts import packages by their names, and of others what the root names', () => {
  const { dependencies = {}, devDependencies = {} } = readJson('package.json');
  const named = { ...dependencies, ...devDependencies };
  // What reads imports, and its test, hold texts that look like some.
  const files = ['test', 'scripts'].flatMap(sources).filter((file) => !file.includes('/imports-of.'));
  const wrong = files.flatMap((file) =>
    importsOf(path.join(root, file))
      .filter((specifier) => {
        if (specifier.startsWith('node:')) return false;
        if (specifier.startsWith('.'))
          return (
            !['test', 'scripts'].some((folder) => staysIn(folder, file, specifier)) &&
            !isTheirsToTest(file, specifier)
          );
        return !faces.has(specifier) && !Object.hasOwn(named, packageOf(specifier));
      })
      .map((specifier) => `${file}: ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = ['packages', 'apps', 'test', 'scripts']
    .flatMap(sources)
    .map((file) => ({ file, lines: readFileSync(path.join(root, file), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long).toEqual([]);
});

/**
 * An engine that needs a server is tested in test/engines, where its own files may be reached; what a package's contract
 * suite is made of may be used by all tests.
 */
function isTheirsToTest(file: string, specifier: string): boolean {
  const target = path.join(path.dirname(file), specifier);
  if (file.startsWith('test/engines/')) return /^packages\/[a-z]+\/src\//.test(target);
  return file.startsWith('test/') && /^packages\/.+(\.contract\.ts|\/contract\/[^/]+\.ts)$/.test(target);
}

function staysIn(folder: string, file: string, specifier: string): boolean {
  return path.join(path.dirname(file), specifier).startsWith(`${folder}/`);
}
