import { expect, test } from 'vitest';
import { z } from 'zod';

import { parseJson, parseJsonAs } from '../../../packages/protocol/json/parse-json.ts';

test.each(['null', '0', '""', '[]', ' {"a": 1} '])('%s is JSON', (text) => {
  expect(parseJson(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
});

test.each(['', 'undefined', '{', "{'a': 1}", '1 2', '\uFEFF{}'])(
  '%j is not JSON, and throws nothing',
  (text) => {
    expect(parseJson(text)).toEqual({ kind: 'not_json' });
  },
);

test('text that is not JSON does not fit a schema, even one that accepts null and nothing', () => {
  expect(parseJsonAs(z.unknown(), '{')).toBeNull();
  expect(parseJsonAs(z.string().default('none'), '')).toBeNull();
});

test('what fits the schema is returned as the schema reads it, and what does not fit is null', () => {
  const schema = z.object({ seq: z.number() });
  expect(parseJsonAs(schema, '{"seq": 3, "more": true}')).toEqual({ seq: 3 });
  expect(parseJsonAs(schema, '{"seq": "3"}')).toBeNull();
});
