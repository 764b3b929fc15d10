import { X509Certificate } from 'node:crypto';
import { Fault } from '@gantry/oci';

/** TLS client authentication (RFC 5280, section 4.2.1.12), and any purpose. */
const PURPOSES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];
const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END [A-Z0-9 ]+-----/g;

/** @param where the key that names the file @throws Fault CONFIGURATION_INVALID */
export function readAuthorities(pem: string, where: string): X509Certificate[] {
  const texts = pem.match(CERTIFICATE) ?? [];
  const authorities = texts.map((text) => {
    try {
      return new X509Certificate(text);
    } catch {
      throw invalid(where, 'holds what is no certificate');
    }
  });
  if (authorities.length === 0) throw invalid(where, 'holds no certificate in PEM');
  if (authorities.every(({ ca }) => !ca)) throw invalid(where, 'holds no certificate of an authority');
  return authorities;
}

/** Those of the authorities that have issued a certificate for clients. */
export function issuersOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): readonly X509Certificate[] {
  // The types say that it is always there; a certificate without a purpose is good for any.
  const purposes = certificate.keyUsage as string[] | undefined;
  if (purposes !== undefined && !purposes.some((purpose) => PURPOSES.includes(purpose))) return [];
  return authorities.filter(
    (authority) =>
      authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

/** Whether it has begun, and has not expired. */
export function isGoodAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate;
}

function invalid(where: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${where}: the file ${why}`, { key: where });
}
