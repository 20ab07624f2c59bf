import { expect, test } from 'vitest';
import { parseAddressRange } from '../../../services/outbound/address-ranges.ts';

test.each([
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['127.0.0.1/32', '127.0.0.1/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['fd00::/8', 'fd00::/8'],
  ['::1/128', '::1/128'],
  ['FD00:0:0::/48', 'fd00::/48'],
])('%s is a valid address range', (text, same) => {
  expect(written(text)).toBe(same);
});

test('a range of IPv4-mapped IPv6 addresses equals the range of their IPv4 addresses', () => {
  expect(written('::ffff:10.0.0.0/104')).toBe('10.0.0.0/8');
  expect(written('::ffff:0:0/96')).toBe('0.0.0.0/0');
});

test.each([
  ['', 'nothing'],
  ['10.0.0.0', 'no prefix'],
  ['10.0.0.0/', 'an empty prefix'],
  ['10.0.0.0/33', 'a prefix too long'],
  ['::/129', 'a prefix too long'],
  ['10.0.0.0/08', 'a prefix with a zero before it'],
  ['10.0.0.0/-1', 'a negative prefix'],
  ['10.0.0.0/8.0', 'a prefix with a point'],
  ['10.0.0.0/255.0.0.0', 'a mask'],
  ['10.0.0.1/8', 'bits after the prefix'],
  ['fd00::1/8', 'bits after the prefix'],
  ['10.0.0.0/8/8', 'two prefixes'],
  ['10/8', 'a shortened address'],
  ['012.0.0.0/8', 'an octal address'],
  ['0x0a.0.0.0/8', 'a hexadecimal address'],
  ['fe80::%eth0/64', 'a zone'],
  [' 10.0.0.0/8', 'a space'],
  ['example.org/8', 'a name'],
])('%j (%s) is not a valid address range', (text) => {
  expect(parseAddressRange(text)).toBeNull();
});

function written(text: string): string {
  const { first, prefixBits } = parseAddressRange(text)!;
  return `${first.toString()}/${prefixBits}`;
}
