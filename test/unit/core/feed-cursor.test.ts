import fc from 'fast-check';
import { expect, test } from 'vitest';

import { feedCursor, FeedCursorText } from '../../../packages/protocol/moves/feed-cursor.ts';
import { TenantName } from '../../../packages/protocol/identifiers.ts';

test('a feed cursor decodes to the position from which it was made', () => {
  const tenants = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  const seqs = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(tenants, seqs, (tenant, seq) => {
      fc.pre(TenantName.safeParse(tenant).success);
      expect(FeedCursorText.parse(feedCursor({ tenant, seq }))).toEqual({ tenant, seq });
    }),
  );
});

test.each([
  '',
  'acme',
  'acme:',
  ':1',
  'acme:-1',
  'acme:01',
  'acme:1.5',
  'acme:1e3',
  'acme:0x1',
  'acme: 1',
  'acme:1 ',
  'acme:1\n',
  'acme:1:2',
  'Acme:1',
  'ac.me:1',
  'ac/me:1',
  `${'a'.repeat(64)}:1`,
  `acme:${'9'.repeat(16)}`,
  'acme:9007199254740992',
  `acme:${'9'.repeat(17)}`,
  'latest',
])('%j is not a valid feed cursor', (text) => {
  expect(FeedCursorText.safeParse(text).success).toBe(false);
});
