import { Fault } from '@gantry/oci';
import { readOptions } from './options.ts';
import { foreignText, networkTrouble } from './source-faults.ts';

const source = readOptions({
  name: 'builds',
  url: 'https://registry.example.org',
  credentials: { username: 'bot', password: 'hunter2' },
  environment: {},
});

describe('what a registry says', () => {
  test.each([
    ['no user bot with hunter2', '"no user bot with ***"'],
    ['Basic Ym90Omh1bnRlcjI= is wrong', '"Basic *** is wrong"'],
    ['got authorization: Bearer eyJhbGciOi.J9.x-_', '"got authorization: Bearer ***"'],
    ['see https://s3.test/b/x?X-Amz-Signature=abc&b=c now', '"see https://s3.test/b/x?*** now"'],
    ['line\nbreak', String.raw`"line\nbreak"`],
  ])('%j is shown as %s', (text, shown) => {
    expect(foreignText(source, text)).toBe(shown);
  });
});

const error = (code: string) => Object.assign(new Error('low level'), { code });

describe('network trouble', () => {
  test.each([
    ['ECONNREFUSED', true, 'refuses the connection'],
    ['EAI_AGAIN', true, 'looked up'],
    ['ENOTFOUND', false, 'not a name'],
    ['UND_ERR_HEADERS_TIMEOUT', true, 'does not answer in time'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false, 'tls.caFile'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false, 'tls.caFile'],
    ['CERT_HAS_EXPIRED', false, 'tls.caFile'],
    ['HPE_INVALID_CONSTANT', false, 'does not speak HTTP'],
  ])('%s passes: %s, and the message says: %s', (code, passing, words) => {
    const trouble = networkTrouble(source, 'registry.example.org', error(code), { repository: 'a' });
    expect(trouble?.passing).toBe(passing);
    expect(trouble?.fault.message).toContain(words);
    expect(trouble?.fault.message).toContain('source "builds" (https://registry.example.org)');
    expect(trouble?.fault.details).toEqual({
      repository: 'a',
      source: 'builds',
      host: 'registry.example.org',
    });
  });

  test('of all addresses of a name is that of the first', () => {
    const both = new AggregateError([error('ECONNREFUSED'), error('ENETUNREACH')]);
    expect(networkTrouble(source, 'cdn.test', both)?.fault.message).toContain(
      'it led to cdn.test, which refuses the connection',
    );
  });

  test('is not what a defect, or another fault, is', () => {
    for (const other of [new TypeError('x'), 'text', new Fault('DENIED', 'no'), error('EISDIR')]) {
      expect(networkTrouble(source, 'registry.example.org', other)).toBeUndefined();
    }
  });
});
