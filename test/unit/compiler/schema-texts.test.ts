import { expect, test } from 'vitest';
import { problemsOf } from './compile-here.ts';

const withSchema = (schema: string, document: string, others: { [path: string]: string } = {}) => ({
  'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s/main.json }]',
  's/main.json': schema,
  'd/a.yaml': document,
  ...others,
});

test.each([
  ['$dynamicRef', '#constructor'],
  ['$dynamicRef', 's/main.json#hasOwnProperty'],
  ['$dynamicAnchor', '__proto__'],
  ['$anchor', 'toString'],
  ['$ref', '#valueOf'],
])('an anchor in a schema cannot have the name of an inherited property: %s %s', async (keyword, name) => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: { a: { [keyword]: name } },
  };
  expect(await problemsOf(withSchema(JSON.stringify(schema), 'a: 1'))).toEqual([
    expect.stringContaining(`schema_invalid /properties/a/${keyword}`),
  ]);
});

test('many large integers in a schema do not hide other problems of that schema', async () => {
  const large = Array.from({ length: 300 }, () => '9223372036854775807').join(',');
  const problems = async (more: string) => problemsOf(withSchema(`{"examples":[${large}],${more}}`, 'a: 1'));
  expect(await problems('"title":"a","title":"b"')).toEqual([
    expect.stringContaining('duplicate_key /title'),
  ]);
  expect(await problems('"__proto__":{}')).toEqual([expect.stringContaining('forbidden_key')]);
  expect(await problems(`"default":${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toEqual([
    expect.stringContaining('too_deep'),
  ]);
});
