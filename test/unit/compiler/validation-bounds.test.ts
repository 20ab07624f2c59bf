import { describe, expect, test } from 'vitest';

import { compileHere, problemsOf } from './compile-here.ts';

const checked = (schema: object, document: string) => ({
  'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
  's.json': JSON.stringify(schema),
  'd/a.json': document,
  'd/b.json': '{"$comment":"harmless"}',
});

/** Creates a schema of 40 definitions. Each refers to the previous one twice, so validation would take 2^40 steps. */
function doubling(keyword: 'allOf' | 'anyOf', first: object): object {
  const definitions: { [name: string]: object } = { a0: first };
  for (let nth = 1; nth <= 40; nth++) {
    const before = { $ref: `#/$defs/a${nth - 1}` };
    definitions[`a${nth}`] = { [keyword]: [before, before] };
  }
  return { if: { not: { type: 'integer' } }, else: { $ref: '#/$defs/a40' }, $defs: definitions };
}

const nested = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`;
const branch = (name: string): object => ({ properties: { a: { $ref: '#' } }, required: [name] });

describe('in the validation of documents,', () => {
  test.each<[what: string, schema: object, document: string]>([
    ['allOf doubles', doubling('allOf', { type: 'integer' }), '1'],
    ['anyOf doubles', doubling('anyOf', { type: 'string' }), '1'],
    [
      'a recursive oneOf tries each branch',
      {
        oneOf: [
          { ...branch('x'), type: 'object' },
          { ...branch('y'), type: 'object' },
          { type: 'integer' },
          { required: ['$comment'] },
        ],
      },
      nested,
    ],
    [
      'many schemas require unique items',
      { allOf: Array.from({ length: 100 }, () => ({ uniqueItems: true })) },
      JSON.stringify(Array.from({ length: 400_000 }, (_, index) => String(index))),
    ],
  ])(
    'a validation stops at the time limit and reports the schema and the document when %s',
    async (_what, schema, document) => {
      const result = await compileHere(checked(schema, document));
      if (result.kind !== 'invalid') throw new Error('the source compiled');
      expect(result.diagnostics).toEqual([
        {
          path: 'd/a.json',
          line: 1,
          column: 1,
          pointer: '',
          code: 'schema_timeout',
          message: 'validation against s.json takes more than 2 s; simplify the schema or split the document',
        },
      ]);
    },
  );

  test('the uniqueness of the items in a long list is checked in linear time', async () => {
    const items = Array.from({ length: 200_000 }, (_, index) => `{"a":${index}}`);
    expect((await compileHere(checked({ uniqueItems: true }, `[${items.join()}]`))).kind).toBe('compiled');
  });
});

test('a list with two equal items is reported with the indexes of these items, whatever their type', async () => {
  for (const list of ['[1,"1",2,1.0]', '[{"a":1,"b":2},0,1,{"b":2,"a":1}]', '[[],"[]",{},[]]']) {
    const result = await compileHere(checked({ uniqueItems: true }, list));
    expect(result).toMatchObject({
      kind: 'invalid',
      diagnostics: [{ message: 'must NOT have duplicate items (items ## 0 and 3 are identical)' }],
    });
  }
  expect(await problemsOf(checked({ uniqueItems: true }, '[null,0,null]'))).toEqual([
    'd/a.json:1:1 schema_unique_items',
  ]);
});

test('a long text does not match the format "url", because the usual check would take quadratic time', async () => {
  const url = `http://${'u:'.repeat(100_000)}`;
  expect(await problemsOf(checked({ format: 'url' }, JSON.stringify(url)))).toEqual([
    'd/a.json:1:1 schema_format',
  ]);
  expect((await compileHere(checked({ format: 'url' }, '"https://example.com/a"'))).kind).toBe('compiled');
});

test('a large value is compared with the members of a long enum in linear time', async () => {
  const members = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
  const schema = { enum: [...Array.from({ length: 100_000 }, () => ({})), members(100_000)] };
  const compiles = async (document: object) =>
    (await compileHere({ ...checked(schema, JSON.stringify(document)), 'd/b.json': '{}' })).kind;
  expect(await compiles(members(100_000))).toBe('compiled');
  expect(await compiles(members(99_999))).toBe('invalid');
});
