import { remember } from './remember.ts';

let nowMs: number;
let asked: string[];
let answer: string | undefined;
beforeEach(() => {
  nowMs = 0;
  asked = [];
  answer = 'somebody';
});

const remembering = () =>
  remember(
    async (user, password) => {
      asked.push(`${user}:${password}`);
      return answer;
    },
    () => nowMs,
  );

test('what was found is taken for true for 30 s, and no longer', async () => {
  const find = remembering();
  await find('a', 'b');
  nowMs = 29_999;
  expect(await find('a', 'b')).toBe('somebody');
  expect(asked).toHaveLength(1);
  nowMs = 30_000;
  answer = undefined;
  expect(await find('a', 'b')).toBeUndefined();
  expect(asked).toHaveLength(2);
});

test('that nothing was found is not remembered', async () => {
  const find = remembering();
  answer = undefined;
  expect(await find('a', 'b')).toBeUndefined();
  answer = 'somebody';
  expect(await find('a', 'b')).toBe('somebody');
});

test('nor that nobody could be asked', async () => {
  let isDown = true;
  const find = remember(async () => {
    if (isDown) throw new Error('down');
    return 'somebody';
  });
  await expect(find('a', 'b')).rejects.toThrow('down');
  isDown = false;
  expect(await find('a', 'b')).toBe('somebody');
});

test('a name and a password are told from each other', async () => {
  const find = remembering();
  for (const [user, password] of [
    ['a', 'bc'],
    ['ab', 'c'],
    ['a\0b', 'c'],
    ['a', 'b\0c'],
    ['a","b', 'c'],
  ] as const)
    await find(user, password);
  expect(asked).toHaveLength(5);
});

test('a thousand are remembered, the newest', async () => {
  const find = remembering();
  for (let user = 0; user <= 1000; user++) await find(String(user), 'x');
  await find('1', 'x');
  expect(asked).toHaveLength(1001);
  await find('0', 'x');
  expect(asked).toHaveLength(1002);
});
