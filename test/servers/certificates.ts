import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** A certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own. */
export interface Authority {
  /** PEM */
  readonly cert: string;
  /** A certificate for a server of these host names and of 127.0.0.1, or for a client. */
  issue(commonName: string, hosts?: readonly string[], more?: CertificateMore): Certificate;
}

/** What a certificate has beside. */
export interface CertificateMore {
  /** Extensions by their object identifiers: what stands in each, as text or as bytes. */
  readonly extensions?: Readonly<Record<string, string | Buffer>>;
  /** The years from and to which it is good, two digits each; absent: 2020 to 2049. */
  readonly years?: readonly [string, string];
}

/** Makes an authority (RFC 5280) with a new key, good until 2049. */
export function makeAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const isAuthority = extension('551d13', sequence(tlv(0x01, Buffer.from([0xff]))));
  const cert = signed({
    issuer: name,
    signer: privateKey,
    subject: name,
    publicKey,
    extensions: [isAuthority],
  });
  return {
    cert,
    issue: (commonName, hosts = [], { extensions = {}, years } = {}) => {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = sequence(
        ...hosts.map((host) => tlv(0x82, Buffer.from(host))),
        tlv(0x87, Buffer.from([127, 0, 0, 1])),
      );
      return {
        cert: signed({
          issuer: name,
          signer: privateKey,
          subject: commonName,
          publicKey: own.publicKey,
          extensions: [
            extension('551d11', alternatives),
            ...Object.entries(extensions).map(([id, value]) => ownExtension(id, value)),
          ],
          ...(years !== undefined && { years }),
        }),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      };
    },
  };
}

function signed(certificate: {
  readonly issuer: string;
  readonly signer: KeyObject;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly years?: readonly [string, string];
}): string {
  const { issuer, signer, subject, publicKey, extensions, years = ['20', '49'] } = certificate;
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), // version 3
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // the serial, a positive number
    algorithm,
    distinguishedName(issuer),
    sequence(
      tlv(0x17, Buffer.from(`${years[0]}0101000000Z`)),
      tlv(0x17, Buffer.from(`${years[1]}1231235959Z`)),
    ),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = createSign('sha256').update(body).sign(signer);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(commonName)))));
}

/** As Candlepin writes them: text as UTF8String, bytes as an OCTET STRING. */
function ownExtension(id: string, value: string | Buffer): Buffer {
  const inner = typeof value === 'string' ? tlv(0x0c, Buffer.from(value)) : tlv(0x04, value);
  const [first = 0, second = 0, ...arcs] = id.split('.').map(Number);
  const bytes = [first * 40 + second, ...arcs.flatMap(base128)];
  return sequence(tlv(0x06, Buffer.from(bytes)), tlv(0x04, inner));
}

function base128(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), tlv(0x04, value));
}

// DER, X.690, section 8: tag, length, value.
function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const bytes = length < 128 ? [] : length < 256 ? [length] : [length >> 8, length & 0xff];
  const head = length < 128 ? [tag, length] : [tag, 0x80 + bytes.length, ...bytes]; // the shortest form, or Go refuses it
  return Buffer.concat([Buffer.from(head), value]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}
