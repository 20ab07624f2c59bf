import { expect, test } from 'vitest';
import { z } from 'zod';

import { lenient } from '@pointsman/client/internal/http/lenient';
import { ReleaseView } from '@pointsman/protocol/releases/release-view';

const Row = z.object({
  name: z.string(),
  state: z.enum(['open', 'closed']),
  end: z.object({ at: z.string() }).nullable(),
  start: z.strictObject({ at: z.string() }).optional(),
  rows: z.array(z.object({ n: z.number().int() })),
});
const row = { name: 'a', state: 'open', end: { at: '1' }, start: { at: '0' }, rows: [{ n: 1 }, { n: 2 }] };

test('a lenient reader keeps the fields of a newer API, at every depth', () => {
  const newer = {
    ...row,
    added: 1,
    end: { at: '1', added: 2 },
    start: { at: '0', added: 3 },
    rows: [{ n: 1, added: { deep: true } }, { n: 2 }],
  };
  expect(lenient(Row).parse(newer)).toEqual(newer);
  expect(lenient(Row).parse({ ...row, end: null })).toEqual({ ...row, end: null });
});

test.each([
  ['a missing field', { ...row, name: undefined }],
  ['a value of another type', { ...row, end: { at: 1 } }],
  ['an invalid row', { ...row, rows: [{ n: 1.5 }] }],
  ['an unknown state', { ...row, state: 'ajar' }],
])('a lenient reader refuses %s', (_, sent) => {
  expect(lenient(Row).safeParse(sent).success).toBe(false);
});

test('a lenient reader does not change the schema from which it is made', () => {
  lenient(Row);
  expect(Row.parse({ ...row, added: 1 })).toEqual(row);
});

test('a release with an additional field, also in a stage, is read with all its fields', () => {
  const { example } = z
    .object({ example: z.object({ stages: z.array(z.looseObject({})) }).loose() })
    .parse(ReleaseView.meta());
  const newer = { ...example, added: 1, stages: example.stages.map((stage) => ({ ...stage, added: 2 })) };
  expect(lenient(ReleaseView).parse(newer)).toEqual(newer);
});
