import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** The key and the certificate of a TLS server. The certificate is its own authority: a client that trusts `cert` trusts the server. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  /** The names of hosts for which the certificate is valid. */
  readonly names?: readonly string[];
  readonly ipv4?: readonly string[];
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

const day = 24 * 60 * 60 * 1_000;

/**
 * Creates a self-signed certificate (RFC 5280) with a key on P-256. Node can read certificates but can't create them, and not every machine
 * has a program that can. TLS reads only a few fields, which this code writes in DER.
 */
export function selfSignedCertificate({
  names = [],
  ipv4 = [],
  validFrom = new Date(Date.now() - day),
  validTo = new Date(Date.now() + day),
}: CertificateOptions): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const who = name('pointsman test');
  const body = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    who,
    sequence(time(validFrom), time(validTo)),
    who,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(alternativeNames(names, ipv4), IS_AUTHORITY)),
  );
  const signature = sign('sha256', body, privateKey);
  const whole = sequence(body, ECDSA_WITH_SHA256, bits(signature));
  return { key: pemOf(privateKey), cert: pem('CERTIFICATE', whole) };
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

const sequence = (...contents: readonly Buffer[]) => der(0x30, ...contents);
const integer = (content: Buffer) => der(0x02, content);
const bits = (content: Buffer) => der(0x03, Buffer.of(0), content);
const octets = (...contents: readonly Buffer[]) => der(0x04, ...contents);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const explicit = (index: number, content: Buffer) => der(0xa0 + index, content);

/** ecdsa-with-SHA256, the object identifier 1.2.840.10045.4.3.2. */
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));

/** The extension "basic constraints", 2.5.29.19. */
const IS_AUTHORITY = sequence(oid('551d13'), octets(sequence(der(0x01, Buffer.of(0xff)))));

/** The extension "subject alternative name", 2.5.29.17. Clients check only the names in this extension. */
function alternativeNames(names: readonly string[], ipv4: readonly string[]): Buffer {
  const entries = [
    ...names.map((text) => der(0x82, Buffer.from(text, 'ascii'))),
    ...ipv4.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ];
  return sequence(oid('551d11'), octets(sequence(...entries)));
}

/** The attribute "common name", 2.5.4.3. */
function name(text: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));
}

/** Encodes a UTCTime, such as `261124120000Z`, for years up to 2049. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits.slice(2), 'ascii'));
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
