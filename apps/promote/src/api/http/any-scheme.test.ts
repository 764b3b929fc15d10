import { createTokenTable } from '@gantry/service';
import { identifyByAnyScheme } from './any-scheme.ts';

const table = createTokenTable([{ name: 'hook', token: 'hook-token==', scopes: ['sync'] }]);
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.each([
  'Bearer hook-token==',
  'bearer  hook-token== ',
  'Token hook-token==',
  'hook-token==',
  'X-Hook hook-token==',
  basic('registry:hook-token=='),
  basic(':hook-token=='),
  'Basic hook-token==',
])('%j is known', async (header) => {
  expect((await identifyByAnyScheme(table, header))?.name).toBe('hook');
});

test.each([
  undefined,
  '',
  ' ',
  'Bearer',
  'hook-token',
  'Bearer hook-token',
  'Bearer hook-token== x',
  'hook-token== Bearer',
  'hook-token==,hook-token==',
  basic('hook-token=='),
  basic('hook-token==:x'),
  basic('a:b:hook-token=='),
  'Basic !!!',
  `Token ${'x'.repeat(100_000)}`,
])('%.60j is nobody', async (header) => {
  expect(await identifyByAnyScheme(table, header)).toBeUndefined();
});
