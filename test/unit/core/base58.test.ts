import { expect, test } from 'vitest';
import { base58 } from '../../../core/base58.ts';

// The first three cases are the examples of the IETF draft on base58.
test.each([
  [Buffer.from('Hello World!'), '2NEpo7TZRRrLZSi2U'],
  [
    Buffer.from('The quick brown fox jumps over the lazy dog.'),
    'USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z',
  ],
  [Buffer.from('0000287fb4cd', 'hex'), '11233QC4'],
  [Buffer.alloc(0), ''],
  [Buffer.alloc(32), '1'.repeat(32)],
  [Buffer.alloc(32, 0xff), 'JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG'],
])('base58 encodes %s as "%s"', (bytes, text) => {
  expect(base58(bytes)).toBe(text);
});
