import { expect, test } from 'vitest';

import { etagOf } from '../../../../packages/protocol/entity-tag.ts';
import { IfMatch, IfNoneMatch, isKnown } from '../../../../services/api/responses/entity-tags.ts';

test.each([
  ['"17"', 17],
  ['"0"', 0],
  ['*', 'any'],
] as const)('the header "If-Match: %s" is accepted', (header, expected) => {
  expect(IfMatch.parse(header)).toBe(expected);
});

test.each(['W/"17"', '17', '"017"', '"-1"', '"a"', '"1", "2"', '', '""', '"9007199254740992"'])(
  'the header "If-Match: %s" is refused, because it is not the strong entity tag of a generation',
  (header) => {
    expect(IfMatch.safeParse(header).success).toBe(false);
  },
);

test('If-None-Match matches an entity tag in a list, as a weak tag, and as "*"', () => {
  expect(isKnown('"1", W/"17"', etagOf(17))).toBe(true);
  expect(isKnown('*', etagOf(17))).toBe(true);
  expect(isKnown('"1"', etagOf(17))).toBe(false);
  expect(isKnown(undefined, etagOf(17))).toBe(false);
  expect(isKnown('"1", "117"', etagOf(17))).toBe(false);
});

test.each(['17', '"a" "b"', '"a",', 'w/"a"'])('the header "If-None-Match: %s" is refused', (header) => {
  expect(IfNoneMatch.safeParse(header).success).toBe(false);
});
