import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { patternLimits } from '../../../services/compiler/limits.ts';
import { linearPattern, patternProblem } from '../../../services/compiler/schema/linear-pattern.ts';
import { compileHere, problemsOf } from './compile-here.ts';

/**
 * Patterns from published schemas, such as those of Kubernetes, OpenAPI, GitHub, Docker and npm, and from schema
 * generators.
 */
const common = [
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
  String.raw`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`,
  String.raw`^(?:[a-z0-9-]{1,63}\.){1,127}[a-z]{2,63}$`,
  String.raw`^[\w.%+-]+@[\w.-]+\.[A-Za-z]{2,}$`,
  String.raw`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`,
  '^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  '^sha256:[a-f0-9]{64}$',
  String.raw`^\d{4}-(?<month>0[1-9]|1[0-2])-\d\d$`,
  String.raw`^([01]\d|2[0-3]):[0-5]\d$`,
  '^#(?:[0-9a-fA-F]{3}){1,2}$',
  String.raw`^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$`.replace(String.raw`(?!$)`, ''),
  String.raw`^\$\{\{.*\}\}$`,
  String.raw`^arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+$`,
  '^[^/]+(/[^/]+)*$',
  '^.*$',
  String.raw`^\S+$`,
  String.raw`^[\s\S]{1,2000}$`,
  '^[A-Z_][A-Z0-9_]*$',
  '^x-',
  String.raw`^[1-5](?:\d{2}|XX)$`,
  '^/',
  '^$|^https?://',
  String.raw`^\p{L}[\p{L}\p{N}_ -]*$`,
  String.raw`^\p{Lu}\p{Script=Greek}*$`,
  String.raw`^[^\p{C}]{1,80}$`,
  String.raw`^\u0041[\u00e0-\u00ff]\u{1F600}?$`,
  String.raw`\ud83d\ude00`,
  String.raw`\u{d83d}\ude00`,
  String.raw`\bfoo\b`,
  String.raw`^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?$`,
  '^[a-z]{1,4096}$',
  '^(a|b)*?c+?$',
  String.raw`^\cJ\t\x41\0?[\b]?$`,
  String.raw`^[\]a]$`,
  '^[^]$',
  '[]',
  '(?:)',
];

const texts = [
  '',
  'a',
  'A',
  'abc',
  'foo bar',
  'a-b.c',
  'host-1.example.com',
  'me@example.com',
  '1.2.3-rc.1+b',
  '255.1.1.1',
  '2024-05-01',
  '2024-13-01',
  '23:59',
  '24:00',
  '#fff',
  '#ffff',
  'x-note',
  '2XX',
  '/path/to',
  'https://x',
  'Ελλάς',
  'Αβγ',
  'é',
  'Aé😀',
  '😀',
  '\n',
  '\r',
  '\u2028',
  '\u0085',
  '\ufeff',
  '\u00a0',
  '\u0008',
  'a\n',
  '-1.5e3',
  'A_B',
  '${{ x }}',
  'sha256:',
  `sha256:${'a'.repeat(64)}`,
  'z'.repeat(4096),
  'z'.repeat(4097),
  'aabc',
  ']a',
  '\n\tA',
  '\n\tA\0',
  '0190a0b0-1234-4abc-9def-0123456789ab',
  'arn:aws:iam::123456789012:role/a+b',
];

describe('for the patterns of a schema,', () => {
  test.each(common)('the pattern %s matches the same texts as in ECMA-262', (pattern) => {
    const expected = new RegExp(pattern, 'u');
    const { test: matches } = linearPattern(pattern);
    for (const text of texts) expect([text, matches(text)]).toEqual([text, expected.test(text)]);
  });

  test('any supported pattern matches the same texts as in ECMA-262', () => {
    // The generated patterns do not contain \B. V8 matches it inside a surrogate pair, which ECMA-262 does not allow.
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '[a-c]',
      String.raw`\d`,
      String.raw`\s`,
      String.raw`\w`,
      String.raw`\W`,
      String.raw`\p{L}`,
      String.raw`\P{L}`,
      '^',
      '$',
      String.raw`\b`,
      String.raw`[\d-]`,
      'é',
      '😀',
    );
    const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{1,3}', '{0,2}?', '{2,}');
    const { pattern } = fc.letrec<{ pattern: string; term: string }>((tie) => ({
      term: fc.oneof(
        { maxDepth: 3 },
        atom.filter((text) => !/^(?:[$^]|\\[bB])$/.test(text)),
        fc
          .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('pattern'))
          .map(([open, inside]) => `${open}${inside})`),
      ),
      pattern: fc
        .array(
          fc.oneof(
            fc.tuple(tie('term'), quantifier).map(([term, many]) => term + many),
            atom,
            fc.constant('|'),
          ),
          {
            maxLength: 6,
          },
        )
        .map((parts) => parts.join('')),
    }));
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '-', 'é', '😀', '\n'),
      maxLength: 8,
    });
    const valid = pattern.filter((spelled) => {
      try {
        return new RegExp(spelled, 'u') instanceof RegExp;
      } catch {
        return false;
      }
    });
    fc.assert(
      fc.property(valid, fc.array(text, { minLength: 5, maxLength: 10 }), (spelled, tried) => {
        const expected = new RegExp(spelled, 'u');
        const { test: matches } = linearPattern(spelled);
        for (const one of tried) expect(matches(one)).toBe(expected.test(one));
      }),
      { numRuns: 400 },
    );
  });

  test('repetition counts may exceed a thousand, also in nested repetitions', () => {
    for (const [pattern, last] of [
      ['^x{2500}$', 2_500],
      ['^x{0,5000}$', 5_000],
      ['^(?:x{0,40}){0,60}$', 2_400],
      ['^(?:x{30}){50}$', 1_500],
    ] as const) {
      const { test: matches } = linearPattern(pattern);
      expect([pattern, matches('x'.repeat(last)), matches('x'.repeat(last + 1))]).toEqual([
        pattern,
        true,
        false,
      ]);
    }
  });

  test.each([
    ['a lookahead', 'ab(?=c)', '(?= (lookaround) is not supported (at character 3 of the pattern)'],
    ['a lookbehind', '(?<!c)b', '(?<! (lookaround) is not supported (at character 1 of the pattern)'],
    [
      'a backreference',
      String.raw`(a)\1`,
      String.raw`\1 (a backreference) is not supported (at character 4 of the pattern)`,
    ],
    [
      'a named backreference',
      String.raw`(?<n>a)\k<n>`,
      String.raw`\k<n> (a backreference) is not supported (at character 8 of the pattern)`,
    ],
    ['a modifier', '(?i:a)', '(?i: (a modifier) is not supported (at character 1 of the pattern)'],
    [
      'too many states',
      '(?:a{1000}){1000}',
      '{1000} makes the pattern too large (at character 12 of the pattern)',
    ],
  ])('a pattern with %s is refused, with the position inside the pattern', (_what, pattern, message) => {
    expect(patternProblem(pattern)).toBe(message);
  });

  test('a pattern that cannot be matched in linear time is reported at its location in the schema', async () => {
    const schema = '{"properties":{\n"a":{"pattern":"^(?!x)"}},\n"patternProperties":{"(a)\\\\1":true}}';
    const files = {
      'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
      's.json': schema,
      'd/a.yaml': 'a: 1',
    };
    expect(await problemsOf(files)).toEqual([
      's.json:2:16 schema_invalid /properties/a/pattern',
      String.raw`s.json:3:31 schema_invalid /patternProperties/(a)\1`,
    ]);
  });
});

test('a pattern that takes a backtracking engine 2^n steps is matched in linear time', async () => {
  const files = {
    'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
    's.json':
      '{"properties":{"a":{"pattern":"^(a+)+$"}},"patternProperties":{"^(b|b)*$":true},"additionalProperties":false}',
    'd/a.json': JSON.stringify({ a: `${'a'.repeat(60)}c`, [`${'b'.repeat(60)}c`]: 1 }),
  };
  expect((await compileHere(files)).kind).toBe('invalid');
  expect(await problemsOf(files)).toEqual([
    'd/a.json:1:6 schema_pattern /a',
    `d/a.json:1:70 schema_additional_properties /${'b'.repeat(60)}c`,
  ]);
});

test('a text that is too long for a large pattern is refused without being matched against it', async () => {
  const length = Math.ceil(patternLimits.steps / 18_000) + 1;
  const files = {
    'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s.json }]',
    's.json': '{"pattern":"(?:[ab]{0,900}a){20}c"}',
    'd/a.json': JSON.stringify('ab'.repeat(length)),
  };
  expect(await problemsOf(files)).toEqual(['d/a.json:1:1 schema_timeout']);
});
