import type { X509Certificate } from 'node:crypto';
import { issuersOf, readAuthorities } from './verify-certificate.ts';

test.each([
  ['nothing of the kind', 'holds no certificate in PEM'],
  ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'holds what is no certificate'],
])('authorities can not be read from %j', (pem, why) => {
  expect(() => readAuthorities(pem, 'the.key')).toThrow(`the.key: the file ${why}`);
});

test('a certificate for servers alone is good for no client', () => {
  const authority = { ca: true, publicKey: {} } as X509Certificate;
  const usedFor = (...keyUsage: string[]) =>
    issuersOf({ keyUsage, checkIssued: () => true, verify: () => true } as unknown as X509Certificate, [
      authority,
    ]).length;
  expect([usedFor('1.3.6.1.5.5.7.3.1'), usedFor('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2')]).toEqual([0, 1]);
});
