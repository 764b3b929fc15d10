import { importsIn } from './imports-of.ts';

test('every way to import is seen', () => {
  const code = `
import 'side-effect';
import plain from 'plain';
import type { Type } from 'types-only';
import {
  several,
  type Mixed,
} from '../several.ts';
export * from './all.ts';
export { one } from './one.ts';
export type { Two } from './two.ts';
const lazy = await import('lazy');
type Far = import('far').Far;
const { x } = await import(
  './long.ts'
);
`;
  expect(importsIn(code)).toEqual([
    'side-effect',
    'plain',
    'types-only',
    '../several.ts',
    './all.ts',
    './one.ts',
    './two.ts',
    'lazy',
    'far',
    './long.ts',
  ]);
});

test('an import of something computed is told as such', () => {
  expect(importsIn('await import(name);')).toEqual(['import(…)']);
});

test('comments and texts that speak of imports are none', () => {
  const code = `
// import { a } from 'comment';
/** As in: import('other comment') */
export const text = \`taken from 'a text'\`;
export function say(from = 'a default') {}
const more = 'far from ' + 'here'; // from 'there'
`;
  expect(importsIn(code)).toEqual([]);
});
