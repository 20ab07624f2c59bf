import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { documentLimits } from '../../../packages/protocol/limits.ts';
import { pointerTo } from '../../../services/compiler/parse/json-pointer.ts';
import { parseDocument, type DocumentFormat } from '../../../services/compiler/parse/parse-document.ts';
import { compileHere, problemsOf } from './compile-here.ts';

const wrong = JSON.stringify({
  $defs: { tool: { properties: { timeout: { type: 'integer' } }, additionalProperties: false } },
  properties: {
    name: { type: 'string' },
    tools: { items: { $ref: '#/$defs/tool' } },
    at: { properties: { when: { pattern: '^2' } }, required: ['zone'] },
  },
});

const checked = (path: string, document: string) => ({
  'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
  's.json': wrong,
  [path]: document,
});

describe('the location of a schema violation', () => {
  test.each<[what: string, path: string, document: string, problems: string[]]>([
    [
      'JSON',
      'd/a.json',
      '{\n  "tools": [\n    {"timeout": 1}, {"timeout": "x",\n     "extra": 1}\n  ],\n  "name":\n    7, "at": {"when": "1"}\n}',
      [
        '3:33 schema_type /tools/1/timeout',
        '4:6 schema_additional_properties /tools/1/extra',
        '7:5 schema_type /name',
        '7:14 schema_required /at',
        '7:23 schema_pattern /at/when',
      ],
    ],
    [
      'YAML',
      'd/a.yaml',
      'tools:\n  - timeout: 1\n  - timeout: x\n    extra: 1\nname:\n  7\nat: {when: "1"}\n',
      [
        '3:14 schema_type /tools/1/timeout',
        '4:5 schema_additional_properties /tools/1/extra',
        '6:3 schema_type /name',
        '7:5 schema_required /at',
        '7:12 schema_pattern /at/when',
      ],
    ],
    [
      'TOML with tables and dotted keys',
      'd/a.toml',
      'name = 7 # "a"\nat.when = "1"\n\n[[tools]]\ntimeout = 1\n\n  [[ tools ]]\n  "timeout" = \'x\'\n  \'extra\' = 1\n',
      [
        '1:8 schema_type /name',
        '2:1 schema_required /at',
        '2:11 schema_pattern /at/when',
        '8:15 schema_type /tools/1/timeout',
        '9:3 schema_additional_properties /tools/1/extra',
      ],
    ],
    [
      'TOML with lists and inline tables',
      'd/a.toml',
      'tools = [ # [\n  { timeout = 1 },\n  { timeout = """x""", "ext\\u0072a" = [] },\n]\n[at]\nwhen = \'\'\'\n1\'\'\'\n',
      [
        '3:15 schema_type /tools/1/timeout',
        '3:24 schema_additional_properties /tools/1/extra',
        '5:1 schema_required /at',
        '6:8 schema_pattern /at/when',
      ],
    ],
  ])('in %s is the invalid value or the forbidden key', async (_what, path, document, problems) => {
    expect(await problemsOf(checked(path, document))).toEqual(
      problems.map((problem) => `${path}:${problem}`),
    );
  });
});

function placesOf(format: DocumentFormat, text: string) {
  const document = parseDocument(`a.${format}`, format, Buffer.from(text));
  expect(document.problems).toEqual([]);
  return (pointer: string, key = false): string => text.slice(document.locate(pointer, key));
}

test.each<[what: string, text: string, pointer: string, value: string, key: string]>([
  ['a table', 'a = 1\n[b.c]\nd = 1', '/b/c', '[b.c]', 'c]'],
  ['an implicit table', '[b.c]\nd = 1', '/b', 'b.c]', 'b.c]'],
  ['an implicit table with a later header', '[b.c]\n[b]\nx = 1', '/b', '[b]\n', 'b.c]'],
  ['an item of an array of tables', '[[b]]\n[[b]]\nx = 1', '/b/1', '[[b]]\nx', '[[b]]\nx'],
  ['an array of tables', '[[b]]\n[[b]]', '/b', '[[b]]\n[[b]]', 'b]]\n['],
  ['a table in the last item', '[[b]]\n[b.c]\nx = 1\n[[b]]\n[b.c]\nx = 2', '/b/1/c/x', '2', 'x = 2'],
  ['a nested array of tables', '[[b]]\n[[b.c]]\n[[b.c]]\nx = 3', '/b/0/c/1/x', '3', 'x = 3'],
  ['a string with quotes and brackets', 'a = ["]", "\\"]", 7]', '/a/2', '7]', '7]'],
  ['a value after five quotes', 'a = """x"""""\nb = 2', '/b', '2', 'b = 2'],
  ['a value after an escaped quote in a multiline string', 'a = """\\""""\nb = 2', '/b', '2', 'b = 2'],
  ['a value after a literal string with a backslash', "a = '\\'\nb = 2", '/b', '2', 'b = 2'],
  ['a value after a date with a space', 'a = [1979-05-27 07:32:00, 2]', '/a/1', '2]', '2]'],
  ['a key in quotes with a dot', '"a.b".c = 1', '/a.b/c', '1', 'c = 1'],
  [
    'a key with the name of an inherited property',
    'a.constructor = { toString = 1 }',
    '/a/constructor/toString',
    '1 }',
    'toString',
  ],
  ['an item after comments and a comma at the end', 'a = [1, # x]\n  # ]\n  2,\n]', '/a/1', '2,', '2,'],
  ['lines that end with CR and LF', 'a = 1\r\n[b]\r\nc = 2\r\n', '/b/c', '2\r', 'c = 2'],
  ['an empty key', '"" = 1', '/', '1', '"" = 1'],
])('the location of %s in a TOML document is found', (_what, text, pointer, value, key) => {
  const at = placesOf('toml', text);
  expect([at(pointer).slice(0, value.length), at(pointer, true).slice(0, key.length)]).toEqual([value, key]);
});

test('the location of every value is found in any JSON or TOML document', () => {
  const key = fc.oneof(
    fc.constantFrom('a', 'b', 'a.b', '"', "'", '\\', '', '#', ' = ', 'toString'),
    fc.string(),
  );
  const { value: table } = fc.letrec<{ node: unknown; value: { [key: string]: unknown } }>((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, fc.constant(0), fc.array(tie('node'), { maxLength: 4 }), tie('value')),
    value: fc.dictionary(
      key.filter((name) => name.isWellFormed() && name !== '__proto__'),
      tie('node'),
      { maxKeys: 4 },
    ),
  }));
  fc.assert(
    fc.property(table, (shape) => {
      // Each leaf is a unique number, so the test can find it in the text.
      const leaves: string[] = [];
      const numbered = (value: unknown, steps: readonly (string | number)[]): unknown => {
        if (Array.isArray(value)) return value.map((item, index) => numbered(item, [...steps, index]));
        if (typeof value === 'object' && value !== null)
          return Object.fromEntries(
            Object.entries(value).map(([name, member]) => [name, numbered(member, [...steps, name])]),
          );
        leaves.push(pointerTo(steps));
        return 1_000 + leaves.length - 1;
      };
      const document = numbered(shape, []) as { [key: string]: unknown };
      for (const at of [placesOf('toml', stringify(document)), placesOf('json', JSON.stringify(document))])
        expect(leaves.map((pointer) => at(pointer).slice(0, 4))).toEqual(
          leaves.map((_, index) => String(1_000 + index)),
        );
    }),
  );
});

test.each<[format: DocumentFormat, text: (filler: string) => string]>([
  ['json', (filler) => `{"a": "${filler}", "b": 1e999}`],
  ['toml', (filler) => `a = "${filler}"\nb = inf`],
])('a problem that comes after a string of eight megabytes in a %s document is reported', (format, text) => {
  const document = parseDocument(`a.${format}`, format, Buffer.from(text('x\\n'.repeat(2_700_000))));
  expect(document.problems.map((problem) => document.diagnose(problem).code)).toEqual(['number_not_finite']);
});

test('every reported mistake has its location when a large list has too many mistakes to report', async () => {
  const items = Array.from({ length: 300_000 }, () => '"x"').join(',\n');
  const schema = '{"properties":{"a":{"items":{"type":"integer"}}}}';
  const result = await compileHere({
    'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
    's.json': schema,
    'd/a.json': `{"a":[\n${items}]}`,
  });
  expect(result.kind === 'invalid' && result.diagnostics.map(({ line }) => line)).toEqual(
    Array.from({ length: documentLimits.diagnostics }, (_, index) => index + 2),
  );
});
