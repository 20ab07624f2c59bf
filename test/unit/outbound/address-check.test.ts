import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayConnectTo } from '../../../services/outbound/address-check.ts';
import { parseAddressRange } from '../../../services/outbound/address-ranges.ts';

/**
 * Addresses that are not public: IANA's special-purpose registries (iana-ipv4-special-registry,
 * iana-ipv6-special-registry), multicast and unassigned space. The test lists them by hand and compares them as
 * numbers, so that it does not repeat a mistake of the code or its library.
 */
const NOT_PUBLIC_V4: [string, string][] = [
  ['0.0.0.0/8', 'this network'],
  ['10.0.0.0/8', 'private use'],
  ['100.64.0.0/10', 'shared address space (CGNAT); 100.100.100.200 is a metadata service'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', "Azure's host"],
  ['169.254.0.0/16', 'link-local; 169.254.169.254 is a metadata service'],
  ['172.16.0.0/12', 'private use'],
  ['192.0.0.0/24', 'protocol assignments; 192.0.0.192 is a metadata service'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'AS112'],
  ['192.52.193.0/24', 'AMT'],
  ['192.88.99.0/24', '6to4 relays'],
  ['192.168.0.0/16', 'private use'],
  ['192.175.48.0/24', 'AS112'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved, and broadcast'],
];

const NOT_PUBLIC_V6: [string, string][] = [
  ['0000::/3', 'reserved: unspecified, loopback, mapped, NAT64 for local use, discard, dummy'],
  ['2001:0000::/23', 'protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drone tags'],
  ['2001:0db8::/32', 'documentation'],
  ['2002::/16', '6to4'],
  ['2620:004f:8000::/48', 'AS112'],
  ['3fff::/20', 'documentation'],
  ['4000::/2', 'not given out'],
  ['8000::/1', 'not given out; unique-local, link-local, site-local, multicast'],
];

const v4Blocks = NOT_PUBLIC_V4.map(([range]) => block(range, 32));
const v6Blocks = NOT_PUBLIC_V6.map(([range]) => block(range, 128));

describe('an IPv4 address', () => {
  test.each(NOT_PUBLIC_V4)('in %s (%s), from the first address to the last, gets no connection', (range) => {
    const { first, last } = block(range, 32);
    for (const address of [first, first + 1n, (first + last) / 2n, last]) {
      const clamped = address > last ? last : address;
      expect([v4(clamped), mayConnectTo(v4(clamped), [])]).toEqual([v4(clamped), false]);
    }
  });

  test('next to a blocked range is public unless another blocked range contains it', () => {
    const edges = v4Blocks.flatMap(({ first, last }) => [first - 1n, last + 1n]);
    const inside = edges.filter((address) => address >= 0n && address < 2n ** 32n);
    for (const address of inside) {
      expect([v4(address), mayConnectTo(v4(address), [])]).toEqual([
        v4(address),
        isPublic(address, v4Blocks),
      ]);
    }
    expect(inside.filter((address) => isPublic(address, v4Blocks)).length).toBeGreaterThan(30);
  });

  test('gets a connection exactly when it is in no blocked range', () => {
    fc.assert(
      fc.property(near(v4Blocks, 2n ** 32n), (address) => {
        expect(mayConnectTo(v4(address), [])).toBe(isPublic(address, v4Blocks));
      }),
      { numRuns: 5_000 },
    );
  });

  test('inside an IPv6 address, mapped or by NAT64, is checked as IPv4', () => {
    fc.assert(
      fc.property(near(v4Blocks, 2n ** 32n), (address) => {
        const expected = isPublic(address, v4Blocks);
        expect(mayConnectTo(`::ffff:${v4(address)}`, [])).toBe(expected);
        expect(mayConnectTo(v6(0xffffn * 2n ** 32n + address), [])).toBe(expected);
        expect(mayConnectTo(v6(0x64_ff9bn * 2n ** 96n + address), [])).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an IPv6 address', () => {
  test.each(NOT_PUBLIC_V6)('in %s (%s), from the first address to the last, gets no connection', (range) => {
    const { first, last } = block(range, 128);
    for (const address of [first, first + 1n, last]) {
      expect([v6(address), mayConnectTo(v6(address), [])]).toEqual([v6(address), false]);
    }
  });

  test.each([
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'IPv4-compatible, of old'],
    ['::ffff:0:127.0.0.1', 'IPv4-translated'],
    ['::ffff:127.0.0.1', 'loopback, mapped'],
    ['::ffff:a9fe:a9fe', 'a metadata service, mapped'],
    ['64:ff9b::10.0.0.1', 'private, by NAT64'],
    ['64:ff9b::169.254.169.254', 'a metadata service, by NAT64'],
    ['64:ff9b:1::8.8.8.8', 'NAT64 for local use'],
    ['100::1', 'discard only'],
    ['100:0:0:1::1', 'dummy'],
    ['2001::1', 'Teredo'],
    ['2001:2::1', 'benchmarking'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', 'loopback, by 6to4'],
    ['2002:a00:1::', 'private, by 6to4'],
    ['3fff::1', 'documentation'],
    ['5f00::1', 'segment routing'],
    ['fc00::1', 'unique-local'],
    ['fd00:ec2::254', 'a metadata service'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local, with its zone'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['ff0e::1', 'multicast, global'],
  ])('such as %s (%s) gets no connection', (address) => {
    expect(mayConnectTo(address, [])).toBe(false);
  });

  test.each(['2606:4700:4700::1111', '2a00:1450:4009:81f::200e', '2001:4860:4860::8888', '2620:fe::fe'])(
    'such as %s is public',
    (address) => {
      expect(mayConnectTo(address, [])).toBe(true);
    },
  );

  test('without an IPv4 address inside gets a connection exactly when it is in no blocked range', () => {
    fc.assert(
      fc.property(near(v6Blocks, 2n ** 128n), (address) => {
        fc.pre(!isCarrier(address));
        expect(mayConnectTo(v6(address), [])).toBe(isPublic(address, v6Blocks));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the address ranges that the operator allows', () => {
  const allow = ['10.0.0.0/8', '169.254.169.254/32', 'fd00::/8'].map((range) => parseAddressRange(range)!);

  test.each(['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '169.254.169.254', 'fd12::1'])(
    'allow connections to %s',
    (address) => {
      expect(mayConnectTo(address, allow)).toBe(true);
      expect(mayConnectTo(address, [])).toBe(false);
    },
  );

  test.each([
    '0.0.0.0',
    '192.168.0.1',
    '169.254.169.253',
    'fc00::1',
    '::1',
    '64:ff9b::10.1.2.3',
    '2002:a01:203::',
  ])('do not allow connections to %s', (address) => {
    expect(mayConnectTo(address, allow)).toBe(false);
  });

  test('do not change the access to public addresses', () => {
    expect(mayConnectTo('93.184.215.14', allow)).toBe(true);
  });
});

test.each([
  '',
  'localhost',
  '0x7f.1',
  '127.1',
  '2130706433',
  '0177.0.0.1',
  '127.0.0.1:80',
  '[::1]',
  '1.2.3.4/8',
])('%j is not an address and gets no connection', (text) => {
  expect(mayConnectTo(text, [{ ...parseAddressRange('0.0.0.0/0')! }])).toBe(false);
});

interface Block {
  readonly first: bigint;
  readonly last: bigint;
}

function block(range: string, bits: number): Block {
  const [address = '', prefix = ''] = range.split('/');
  const first = bits === 32 ? numberOfV4(address) : numberOfV6(address);
  return { first, last: first + 2n ** BigInt(bits - Number(prefix)) - 1n };
}

function isPublic(address: bigint, blocks: readonly Block[]): boolean {
  return !blocks.some(({ first, last }) => first <= address && address <= last);
}

/**
 * Prefixes of IPv6 addresses that contain an IPv4 address: mapped addresses, and NAT64 with its well-known prefix.
 * The product checks the IPv4 address inside them.
 */
function isCarrier(address: bigint): boolean {
  const prefix = address / 2n ** 32n;
  return prefix === 0xffffn || prefix === 0x64_ff9bn * 2n ** 64n;
}

/** Generates any address, or one near the edge of a range. */
function near(blocks: readonly Block[], end: bigint): fc.Arbitrary<bigint> {
  const edges = blocks.flatMap(({ first, last }) => [first, last]);
  const atEdge = fc
    .tuple(fc.constantFrom(...edges), fc.bigInt({ min: -3n, max: 3n }))
    .map(([edge, by]) => edge + by)
    .filter((address) => address >= 0n && address < end);
  return fc.oneof(fc.bigInt({ min: 0n, max: end - 1n }), atEdge);
}

function numberOfV4(address: string): bigint {
  return address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

/** Parses an IPv6 address that is written in full, or that ends with `::`. */
function numberOfV6(address: string): bigint {
  const groups = address.replace(/::$/, '').split(':');
  return Array.from({ length: 8 }, (_, index) => BigInt(`0x${groups[index] ?? '0'}`)).reduce(
    (sum, group) => sum * 65_536n + group,
    0n,
  );
}

function v4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
}

function v6(address: bigint): string {
  return Array.from({ length: 8 }, (_, index) => (address >> BigInt(112 - 16 * index)) & 65_535n)
    .map((group) => group.toString(16))
    .join(':');
}
