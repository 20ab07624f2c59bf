import { describe, expect, test } from 'vitest';
import { artifactOf, compileHere, problemsOf } from './compile-here.ts';

const deep = 10_000;
const nested = (open: string, close: string, count = deep): string =>
  open.repeat(count) + close.repeat(count);
const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(',')}]`),
].join('\n');

describe('in an invalid document,', () => {
  const bytes = (...values: (string | number)[]): Uint8Array =>
    Buffer.concat(
      values.map((value) => (typeof value === 'string' ? Buffer.from(value) : Buffer.from([value]))),
    );

  test.each<[what: string, path: string, content: string | Uint8Array, problem: string]>([
    [
      'a duplicate key in JSON',
      'a.json',
      '{\n  "a": 1,\n  "b": {"a": 2},\n  "a": 3\n}',
      '4:3 duplicate_key /a',
    ],
    [
      'a duplicate key that is spelled with an escape',
      'a.json',
      '{"a":1,"\\u0061":2}',
      '1:8 duplicate_key /a',
    ],
    ['a TOML date after the end of its month', 'a.toml', 'a = 2024-02-30', '1:5 toml_syntax /a'],
    ['February 29 of a common year in TOML', 'a.toml', 'a = [2023-02-29T00:00:00Z]', '1:6 toml_syntax /a/0'],
    [
      'a TOML time with more than three digits after the second',
      'a.toml',
      'a = 12:00:00.123456',
      '1:5 time_out_of_range /a',
    ],
    ['JSON nested too deeply', 'a.json', nested('[', ']'), `1:201 too_deep ${'/0'.repeat(200)}`],
    ['JSON maps nested too deeply', 'a.json', '{"a":'.repeat(deep), `1:1001 too_deep ${'/a'.repeat(200)}`],
    ['JSON with a tab inside a string', 'a.json', '{\n\t"a": "x\ty"\n}', '2:9 json_syntax /a'],
    ['JSON with a comment', 'a.json', '{\n  // no\n}', '2:3 json_syntax'],
    ['JSON with a trailing comma', 'a.json', '[1,\n2,]', '2:3 json_syntax /2'],
    ['JSON that ends early', 'a.json', '{"a": ', '1:7 json_syntax /a'],
    ['text after a JSON value', 'a.json', '{} {}', '1:4 json_syntax'],
    ['empty JSON', 'a.json', '', '1:1 json_syntax'],
    ['NaN in JSON', 'a.json', '[NaN]', '1:2 json_syntax /0'],
    ['a leading zero in JSON', 'a.json', '[01]', '1:2 json_syntax /0'],
    ['a number beyond the range of a double', 'a.json', '{"a":\n 1e400}', '2:2 number_not_finite /a'],
    [
      'an integer that would lose digits, in JSON',
      'a.json',
      '[1, 9007199254740993]',
      '1:5 integer_out_of_range /1',
    ],
    [
      'an integer that would lose digits, in YAML',
      'a.yaml',
      'a: 1\nb: 9007199254740993',
      '2:4 integer_out_of_range /b',
    ],
    [
      'a hexadecimal integer that would lose digits',
      'a.yaml',
      'b: 0xFFFFFFFFFFFFFFFF',
      '1:4 integer_out_of_range /b',
    ],
    [
      'an integer that would lose digits, in TOML',
      'a.toml',
      'a = 1\n\nb = 9007199254740993',
      '3:5 integer_out_of_range /b',
    ],
    ['a lone surrogate', 'a.json', '{"a": "\\ud800"}', '1:7 lone_surrogate /a'],
    ['a lone surrogate as a key', 'a.json', '{"\\udc00": 1}', '1:2 lone_surrogate /\udc00'],
    ['a lone surrogate in YAML', 'a.yaml', 'a: "\\ud800"', '1:4 lone_surrogate /a'],
    ['__proto__ in JSON', 'a.json', '{"a": {"__proto__": {"x": 1}}}', '1:8 forbidden_key /a/__proto__'],
    ['__proto__ in YAML', 'a.yaml', 'a:\n  __proto__: {x: 1}', '2:3 forbidden_key /a/__proto__'],
    ['__proto__ in TOML', 'a.toml', '[a]\n__proto__ = 1', '2:1 forbidden_key /a/__proto__'],
    ['invalid UTF-8', 'a.json', bytes('{"a":\n"é', 0xff, '"}'), '2:3 invalid_utf8'],
    ['an incomplete UTF-8 character', 'a.yaml', bytes('a: x', 0xc3), '1:5 invalid_utf8'],
    ['UTF-16', 'a.json', Buffer.from('\ufeff{}', 'utf16le'), '1:1 invalid_utf8'],
    ['a duplicate key in YAML', 'a.yaml', 'a: 1\nb: 2\na: 3', '3:1 duplicate_key /a'],
    ['a duplicate key in a flow map', 'a.yaml', '{a: 1, "a": 2}', '1:8 duplicate_key /a'],
    ['YAML flow lists nested too deeply', 'a.yaml', nested('[', ']'), '1:201 too_deep'],
    ['YAML block lists nested too deeply', 'a.yaml', '- '.repeat(deep) + 'a', '1:401 too_deep'],
    ['YAML keys nested too deeply', 'a.yaml', '? '.repeat(deep) + 'a', '1:401 too_deep'],
    ['an alias bomb', 'a.yaml', bomb, '6:8 too_many_aliases /f/0'],
    ['an alias to its own parent', 'a.yaml', 'a: &a\n  - *a', '2:5 alias_cycle /a/0'],
    ['an alias to an unknown anchor', 'a.yaml', 'a: *b', '1:4 unknown_alias /a'],
    ['two YAML documents', 'a.yaml', 'a: 1\n---\nb: 2', '2:1 multiple_documents'],
    ['an empty YAML file', 'a.yaml', '# nothing\n', '1:1 empty_document'],
    ['a key that is a number', 'a.yaml', 'x:\n  1: a', '2:3 non_string_key /x'],
    ['a key that is true', 'a.yaml', 'true: a', '1:1 non_string_key'],
    ['a key that is a list', 'a.yaml', '[a, b]: c', '1:1 non_string_key'],
    ['a YAML infinity', 'a.yaml', 'a: .inf', '1:4 number_not_finite /a'],
    ['a YAML NaN', 'a.yaml', 'a: [1, .nan]', '1:8 number_not_finite /a/1'],
    ['a merge key', 'a.yaml', 'a: &a {x: 1}\nb:\n  <<: *a', '3:3 yaml_merge_key /b/<<'],
    ['an unknown tag', 'a.yaml', 'a: !ruby/object:Gem x', '1:4 yaml_tag_resolve_failed'],
    ['a binary value', 'a.yaml', 'a: !!binary aGk=', '1:4 yaml_tag_resolve_failed'],
    ['YAML 1.1', 'a.yaml', '%YAML 1.1\n---\na: yes', '1:1 yaml_version'],
    ['a bad indentation', 'a.yaml', 'a:\n  b: 1\n c: 2', '3:1 yaml_bad_indent'],
    ['a tab as indentation', 'a.yaml', 'a:\n\tb: 1', '2:1 yaml_tab_as_indent'],
    ['a duplicate key in TOML', 'a.toml', 'a = 1\na = 2', '2:1 duplicate_key'],
    ['a TOML infinity', 'a.toml', '[x.y]\nb = 1\na = -inf', '3:5 number_not_finite /x/y/a'],
    ['TOML lists nested too deeply', 'a.toml', `a = ${nested('[', ']')}`, '1:205 too_deep'],
    [
      'TOML tables nested too deeply',
      'a.toml',
      `a${'.a'.repeat(deep)} = 1`,
      `1:399 too_deep ${'/a'.repeat(200)}`,
    ],
    ['a TOML syntax error', 'a.toml', 'a = 1\nb = ?', '2:5 toml_syntax'],
  ])('%s is reported as exactly one diagnostic, at its location', async (_what, path, content, problem) => {
    expect(await problemsOf({ [path]: content })).toEqual([`${path}:${problem}`]);
  });
});

describe('a valid document', () => {
  test.each<[what: string, path: string, content: string, canonical: string]>([
    [
      'the largest integers',
      'a.json',
      '[9007199254740991, -9007199254740991]',
      '[9007199254740991,-9007199254740991]',
    ],
    [
      'a large number with an exponent',
      'a.json',
      '[1e300, 12345678901234567890.5]',
      '[1e+300,12345678901234567000]',
    ],
    ['colons and quotes inside strings', 'a.json', '{"a:\\"b\\\\": "c:\\\\"}', '{"a:\\"b\\\\":"c:\\\\"}'],
    [
      'keys with the names of inherited properties',
      'a.json',
      '{"constructor": 1, "toString": 2}',
      '{"constructor":1,"toString":2}',
    ],
    ['a byte order mark', 'a.json', '\ufeff{"a":1}', '{"a":1}'],
    ['minus zero', 'a.json', '[-0, -0.0]', '[0,0]'],
    ['surrogate pairs', 'a.json', '["\\ud83d\\ude00"]', '["😀"]'],
    [
      'key order by UTF-16 units',
      'a.json',
      '{"\\ud83d\\ude00":1,"\\ufb33":2,"b":3,"a":4}',
      '{"a":4,"b":3,"\ud83d\ude00":1,"\ufb33":2}',
    ],
    [
      'words that YAML 1.1 would read as booleans',
      'a.yaml',
      'a: yes\nb: NO\nc: on\nd: True',
      '{"a":"yes","b":"NO","c":"on","d":true}',
    ],
    ['octal integers of YAML 1.2', 'a.yaml', 'a: 0o17\nb: 017', '{"a":15,"b":17}'],
    ['text that YAML 1.1 would read as a date', 'a.yaml', 'a: 2020-01-01', '{"a":"2020-01-01"}'],
    [
      'a few aliases',
      'a.yaml',
      'a: &x {k: [1]}\nb: *x\nc: [*x]',
      '{"a":{"k":[1]},"b":{"k":[1]},"c":[{"k":[1]}]}',
    ],
    [
      'an anchor that is defined again',
      'a.yaml',
      'a: &x 1\nb: *x\nc: &x 2\nd: *x',
      '{"a":1,"b":1,"c":2,"d":2}',
    ],
    ['a quoted merge key', 'a.yaml', '"<<": 1', '{"<<":1}'],
    ['an explicit null', 'a.yaml', 'null', 'null'],
    ['an empty value', 'a.yaml', 'a:', '{"a":null}'],
    [
      'TOML dates',
      'a.toml',
      'a = 1979-05-27\nb = 1979-05-27T07:32:00Z',
      '{"a":"1979-05-27","b":"1979-05-27T07:32:00.000Z"}',
    ],
    ['nesting at the limit', 'a.json', nested('[', ']', 200), nested('[', ']', 200)],
  ])('with %s compiles to the expected canonical JSON', async (_what, path, content, canonical) => {
    expect(await artifactOf({ [path]: content })).toEqual({ [path]: canonical });
  });
});

test('a map of 20,000 keys and a string of a million backslashes do not take quadratic time to compile', async () => {
  const wide = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n');
  const slashes = JSON.stringify({ a: '\\'.repeat(1_000_000), b: 'c:' });
  const artifact = await artifactOf({ 'wide.yaml': wide, 'slashes.json': slashes });
  expect(Object.keys(JSON.parse(artifact['wide.yaml'] ?? '') as object)).toHaveLength(20_000);
  expect(artifact['slashes.json']).toBe(slashes);
});

test('all problems of all source files are reported, ordered by file, line and column', async () => {
  const files = {
    'b.json': '{"a":1,"a":2,"b":1e999,"c":"\\ud800"}',
    'a.yaml': 'a: .nan\n1: 2',
    'c.toml': 'x = nan',
  };
  expect(await problemsOf(files)).toEqual([
    'a.yaml:1:4 number_not_finite /a',
    'a.yaml:2:1 non_string_key',
    'b.json:1:8 duplicate_key /a',
    'b.json:1:18 number_not_finite /b',
    'b.json:1:28 lone_surrogate /c',
    'c.toml:1:5 number_not_finite /x',
  ]);
});

test.each<[what: string, content: string, problems: string[]]>([
  [
    'before a list that is not closed',
    'a: 1\na: .nan\nb: [1,',
    ['2:1 duplicate_key /a', '3:7 yaml_bad_indent'],
  ],
  ['after an invalid value', 'b: @x\na: 1\na: 2', ['1:4 yaml_bad_scalar_start', '3:1 duplicate_key /a']],
])('in YAML with a syntax error, a duplicate key %s is also reported', async (_what, content, problems) => {
  expect(await problemsOf({ 'a.yaml': content })).toEqual(problems.map((problem) => `a.yaml:${problem}`));
});

test('a key in invalid YAML that is a duplicate only in the structure that the parser guessed is not reported', async () => {
  expect(await problemsOf({ 'a.yaml': 'a: x: 1\nb: 2\nx: 3' })).toEqual([
    'a.yaml:1:4 yaml_block_as_implicit_key',
  ]);
});

test('the report of two hundred mistakes below a key of half a megabyte is shorter than that key', async () => {
  const result = await compileHere({
    'a.json': `{"${'k'.repeat(512 * 1024)}":[${Array(200).fill('1e400').join(',')}]}`,
  });
  expect(result.kind).toBe('invalid');
  expect(JSON.stringify(result).length).toBeLessThan(512 * 1024);
});

test.each([
  ['dots and words', 'a.'.repeat(2 ** 21)],
  ['a header and a million keys', `[${'a.'.repeat(2 ** 19)}a]\n${'a=1\n'.repeat(2 ** 19)}`],
])(
  'the location of a mistake after a TOML string of four megabytes that looks like %s is correct',
  async (_what, text) => {
    const lines = text.split('\n').length;
    expect(await problemsOf({ 'a.toml': `a = """\n${text}"""\nb = nan` })).toEqual([
      `a.toml:${lines + 2}:5 number_not_finite /b`,
    ]);
  },
);
