import { basicCredentials } from './basic.ts';

const header = (bytes: string | Buffer) => `Basic ${Buffer.from(bytes).toString('base64')}`;

test.each([
  [header('user:password'), { user: 'user', password: 'password' }],
  [header('user:a:b'), { user: 'user', password: 'a:b' }],
  [header(':'), { user: '', password: '' }],
  [header('Zoë:ü'), { user: 'Zoë', password: 'ü' }],
  [header('a\u0000:b').replace('Basic', 'bAsIc  '), { user: 'a\u0000', password: 'b' }],
])('%s', (text, credentials) => {
  expect(basicCredentials(text)).toEqual(credentials);
});

test.each([
  undefined,
  '',
  'Basic',
  'Basic ',
  'Basic a b',
  'Basic !!!',
  'Bearer YTpi',
  header('user'),
  header(Buffer.from([0x61, 0xff, 0x3a, 0x62])),
])('%j holds none', (text) => {
  expect(basicCredentials(text)).toBeUndefined();
});
