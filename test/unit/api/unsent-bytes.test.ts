import { expect, test } from 'vitest';

import { Shares } from '../../../services/api/access/shares.ts';
import { UnsentBuffers } from '../../../services/api/access/unsent-bytes.ts';
import { responseLimits } from '../../../services/api/limits.ts';
import { responseShares } from '../../../services/api/access/share-limits.ts';

const KiB = 1024;
const TOKEN = ['acme', 'ci'];
const LARGE = 512 * KiB;

/** Opens event streams of several tokens, each on its own connection. */
function streams() {
  const shares = new Shares(responseShares);
  const buffers = new UnsentBuffers(shares);
  return {
    shares,
    open: (path: readonly string[] = TOKEN) => {
      const connection = { holds: 0 };
      return { connection, unsent: buffers.open(path, () => connection.holds) };
    },
  };
}

test('a buffer that many streams of one token send counts once towards the memory share of that token, until the last stream has sent it', () => {
  const { shares, open } = streams();
  const buffer = new Uint8Array(LARGE);
  const [first, ...others] = Array.from({ length: 1_000 }, () => open());
  for (const { unsent } of [first!, ...others]) unsent.take([buffer]);
  expect(shares.held).toBe(LARGE);
  for (const { unsent } of others) unsent.giveBack();
  expect(shares.held).toBe(LARGE);
  first!.unsent.release();
  expect(shares.held).toBe(0);
});

test('a buffer that streams of two tokens send counts towards the memory shares of both tokens', () => {
  const { shares, open } = streams();
  const buffer = new Uint8Array(LARGE);
  open().unsent.take([buffer]);
  open(['acme', 'other']).unsent.take([buffer]);
  expect(shares.held).toBe(2 * LARGE);
});

test('different buffers use up the memory share of their token, which is free again once they are sent', () => {
  const { shares, open } = streams();
  const take = (): number => {
    let taken = 0;
    try {
      for (; taken < 1_000; taken++) open().unsent.take([new Uint8Array(LARGE)]);
    } catch {
      // The error shows that the share is exhausted.
    }
    return taken;
  };
  expect(take() * LARGE).toBeLessThanOrEqual(36 * KiB * KiB);
  expect(shares.room(TOKEN)).toBeLessThan(LARGE);
  const one = open(['acme', 'other']);
  one.unsent.take([new Uint8Array(LARGE)]);
  const { held } = shares;
  one.unsent.giveBack();
  expect(shares.held).toBe(held - LARGE);
});

test('a buffer counts in full while its connection still has any of its bytes to send', () => {
  const { shares, open } = streams();
  const { connection, unsent } = open();
  unsent.take([new Uint8Array(LARGE), new Uint8Array(LARGE), new Uint8Array(LARGE)]);
  connection.holds = LARGE + 1;
  unsent.giveBack();
  expect(shares.held).toBe(2 * LARGE);
  connection.holds = 1;
  unsent.giveBack();
  expect(shares.held).toBe(LARGE);
  connection.holds = 0;
  unsent.giveBack();
  expect(shares.held).toBe(0);
});

test('the first 16 KiB of each stream do not count towards the memory share of its token, for any number of events', () => {
  const { shares, open } = streams();
  const { unsent } = open();
  const small = (): Uint8Array => new Uint8Array(KiB);
  unsent.take(Array.from({ length: responseLimits.uncountedBytes / KiB }, small));
  expect(shares.held).toBe(0);
  unsent.take([small()]);
  expect(shares.held).toBe(KiB);
  unsent.giveBack();
  unsent.take([small()]);
  expect(shares.held).toBe(0);
});

test('a stream whose response was sent does not count any further buffers towards the memory share of its token', () => {
  const { shares, open } = streams();
  const { unsent } = open();
  unsent.release();
  unsent.take([new Uint8Array(LARGE)]);
  expect(shares.held).toBe(0);
});
