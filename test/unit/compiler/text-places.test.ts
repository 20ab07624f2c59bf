import { expect, test } from 'vitest';

import { firstInvalidByte, placeIn } from '../../../services/compiler/parse/text-places.ts';
import { seededRandom } from '../../support/data/seeded-random.ts';

/** Longer than one block. The index stores only the line number at the start of each block. */
const LONG = 200_000;

/** A simple implementation of the tested function, for comparison. */
function placesByDefinition(text: string, offsets: readonly number[]): { line: number; column: number }[] {
  const ends = [...text.matchAll(/\r\n|\n|\r/g)].map((found) => found.index + found[0].length);
  const starts = [0, ...ends];
  return offsets.map((offset) => {
    const line = starts.findLastIndex((start) => start <= offset) + 1;
    return { line, column: offset - (starts[line - 1] ?? 0) + 1 };
  });
}

test.each([
  ['short lines', 'ab\n\r'],
  ['carriage returns before line feeds', '\r\n'],
  ['long lines', `${'x'.repeat(20_000)}\n`],
])(
  'in a text of %s, the line and column of an offset do not depend on the order of the lookups',
  (_what, letters) => {
    const random = seededRandom('1', letters);
    const letter = (): string => letters.charAt(Math.floor(random() * letters.length));
    const piece = letters.length > 10 ? letters : Array.from({ length: 997 }, letter).join('');
    const text = piece.repeat(Math.ceil(LONG / piece.length));
    const offsets = Array.from({ length: 40 }, () => Math.floor(random() * text.length));
    offsets.push(65_535, 65_536, 65_537, 0, text.length);
    const place = placeIn(text);
    expect(offsets.map(place)).toEqual(placesByDefinition(text, offsets));
  },
);

test('the first invalid byte of a long text is found at any position, and so is an incomplete character', () => {
  for (const [what, wrong] of Object.entries({ stray: [0x80], cut: [0xe2, 0x82], overlong: [0xc0, 0x80] })) {
    for (const before of ['€'.repeat(21_845), '€'.repeat(21_846), `a${'€'.repeat(50_000)}\n`, '']) {
      const bytes = Buffer.concat([Buffer.from(before), Buffer.from(wrong), Buffer.from('"}')]);
      expect([what, firstInvalidByte(bytes)]).toEqual([what, ...placesByDefinition(before, [before.length])]);
    }
  }
  const cut = Buffer.from('€'.repeat(50_000)).subarray(0, -1);
  expect(firstInvalidByte(cut)).toEqual({ line: 1, column: 50_000 });
});
