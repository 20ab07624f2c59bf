const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE = 58n;

/** Encodes bytes as base58 (Bitcoin's alphabet, without a checksum). Slow for more than a few hundred bytes. */
export function base58(bytes: Uint8Array): string {
  let digits = '';
  for (let rest = toNumber(bytes); rest > 0n; rest /= BASE) {
    digits = `${ALPHABET[Number(rest % BASE)]}${digits}`;
  }
  // A number loses leading zeros, so the encoding writes one zero digit ("1") for each leading zero byte.
  const firstNonZero = bytes.findIndex((byte) => byte !== 0);
  const zeros = firstNonZero === -1 ? bytes.length : firstNonZero;
  return '1'.repeat(zeros) + digits;
}

function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}
