import { rareErrors } from './rare-errors.ts';

function ignore(): void {}

test('one error a second is logged, with the number of those between', () => {
  const logged: [object, string][] = [];
  let now = 1_000_000;
  const tell = rareErrors(
    { info: ignore, warn: ignore, error: (fields, message) => logged.push([fields, message]) },
    () => now,
  );
  tell({ a: 1 }, 'first');
  tell({ a: 2 }, 'second');
  now += 999;
  tell({ a: 3 }, 'third');
  now += 1;
  tell({ a: 4 }, 'fourth');
  now += 1000;
  tell({ a: 5 }, 'fifth');
  expect(logged).toEqual([
    [{ a: 1 }, 'first'],
    [{ a: 4, suppressed: 2 }, 'fourth'],
    [{ a: 5 }, 'fifth'],
  ]);
});
