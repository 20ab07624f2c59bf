import { expect, test } from 'vitest';
import { z } from 'zod';

import { parseJson, parseJsonAs } from '../../../packages/protocol/json/parse-json.ts';

test.each(['null', '0', '""', '[]', ' {"a": 1} '])('the text %s is parsed as JSON', (text) => {
  expect(parseJson(text)).toEqual({ kind: 'json', value: JSON.parse(text) });
});

test.each(['', 'undefined', '{', "{'a': 1}", '1 2', '\uFEFF{}'])(
  'the text %j is reported as invalid JSON, and parsing it does not throw',
  (text) => {
    expect(parseJson(text)).toEqual({ kind: 'not_json' });
  },
);

test('text that is not JSON does not match any schema, not even a schema that accepts null', () => {
  expect(parseJsonAs(z.unknown(), '{')).toBeNull();
  expect(parseJsonAs(z.string().default('none'), '')).toBeNull();
});

test('a text that matches a schema is returned as the schema parses it, and any other text gives null', () => {
  const schema = z.object({ seq: z.number() });
  expect(parseJsonAs(schema, '{"seq": 3, "more": true}')).toEqual({ seq: 3 });
  expect(parseJsonAs(schema, '{"seq": "3"}')).toBeNull();
});
