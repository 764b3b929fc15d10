import { addPath, coversPath, newPathNode, type PathNode } from './path-words.ts';

const PATHS = ['/content/dist/app', '/content/$releasever/os/', 'content/*/$basearch/debug'];

function treeOf(paths: readonly string[]) {
  const root = newPathNode();
  for (const path of paths) addPath(root, path);
  return root;
}

test.each([
  ['/content/dist/app', true],
  ['/content/dist/app/manifests/latest', true],
  ['/content/dist/application', false],
  ['/content/dist', false],
  ['/content/7/os', true],
  ['/content/dist/os/x', true],
  ['/content/dist/x86_64/debug', true],
  ['/content/dist/x86_64/os', false],
  ['/content/./dist//app', true],
  ['/content/dist/../dist/app', false],
  ['/', false],
])('whether %s is covered: %p', (path, isCovered) => {
  expect(coversPath(treeOf(PATHS), path)).toBe(isCovered);
});

test('a path without words covers nothing', () => {
  expect(coversPath(treeOf(['/', '']), '/content')).toBe(false);
});

/** How many places a path that is not covered is compared at, where there are twice `count` paths. */
function placesLookedAt(count: number): number {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const root = treeOf(
    numbers.flatMap((number) => [`/content/dist/$basearch/app-${number}`, `/content/other-${number}/*`]),
  );
  let places = 0;
  const watched = ({ ends, next, nextOfAny }: PathNode): PathNode => {
    const below = new Map([...next].map(([word, nodes]) => [word, nodes.map(watched)]));
    return {
      ends,
      get next() {
        places++;
        return below;
      },
      nextOfAny: nextOfAny.map(watched),
    };
  };
  expect(coversPath(watched(root), '/content/dist/x86_64/none')).toBe(false);
  return places;
}

test('however many paths there are, as many places are looked at', () => {
  expect(placesLookedAt(300)).toBe(placesLookedAt(1));
});
