import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { moduleLimits } from '../../../services/compiler/limits.ts';
import { guardJson, guardModule } from '../../../services/compiler/modules/module-guard.ts';

const { chain: moduleChain } = moduleLimits;

describe('a harmless module', () => {
  test.each([
    [
      'a banner of slashes after a line that ends in "import"',
      `// what we import\n${'/'.repeat(44)}\n// rest\nexport {};`,
    ],
    ['a long banner', `/* import ${'*'.repeat(5_000)}*/\n// import\n${'//////\n'.repeat(2_000)}export {};`],
    ['a plain dynamic import', 'export const a = () => import(/* lazy */ "./a.ts" /* ! */);'],
    [
      'a dynamic import with attributes',
      "export const a = () => import('./a.json', { with: { type: 'json' } });",
    ],
    ['import.meta', 'export const a = import.meta.url;'],
    ['a large table', `export const a = [${'-1, '.repeat(10_000)}];`],
    [
      'a rule of dashes in a comment and a string',
      `// ${'-'.repeat(5_000)}\nexport const a = "${'='.repeat(5_000)}";`,
    ],
    ['a Markdown table in a template', `export const a = \`| a | b |\n${'| --- | --- |\n'.repeat(410)}\`;`],
    [
      'code in the substitutions of templates',
      `export const a = \`${'| ${b ? `x ${c} - ` : "="} |'.repeat(400)}\`;`,
    ],
    ['a switch of many cases', `switch (a) {${'case 1: b = c ? d : e; break;'.repeat(2_000)}}`],
  ])('with %s passes the module guard', (_what, text) => {
    expect(guardModule(text)).toBe(null);
  });
});

test('the module guard refuses a long chain of operators inside a template substitution, or after a template', () => {
  const long = '!'.repeat(moduleChain + 1);
  expect(guardModule(`export const a = \`text \${${long}b}\`;`)).toMatchObject({ code: 'too_deep' });
  expect(guardModule(`export const a = \`\${{ b: 1 }} text\` + ${long}b;`)).toMatchObject({
    code: 'too_deep',
  });
});

test('an imported JSON file may have any text in its strings, but is refused when it is nested too deeply', () => {
  const honest = { a: 'import("./" + name)', b: '['.repeat(5_000), c: '-'.repeat(5_000), d: 'a "quoted" {' };
  expect(guardJson(JSON.stringify(honest))).toBe(null);
  expect(guardJson(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)).toMatchObject({ code: 'too_deep' });
});

describe('a dynamic import', () => {
  const nothing = fc.constantFrom(
    '',
    ' ',
    '\n',
    '\t',
    '/**/',
    '/*/ */',
    '/* a\n */',
    '// b\n',
    '//////\r',
    '/* // */',
    '<!-- c\n',
    '--> d\n',
  );
  const between = fc.array(nothing, { maxLength: 5 }).map((parts) => parts.join(''));

  test('of a computed path is refused, whatever whitespace and comments are between its tokens', () => {
    const argument = fc.constantFrom(
      'name',
      '"./" + name',
      '`./${name}`',
      String.raw`"./\x61"`,
      '"./a" + b',
      '("./a")',
    );
    const phase = fc.constantFrom('', '.defer', '.source');
    fc.assert(
      fc.property(between, between, between, phase, argument, (one, two, three, name, computed) => {
        const text = `export const a = import${one}${name}${two}(${three}${computed}${one});`;
        expect(guardModule(text)).toMatchObject({ code: 'module_import', offset: 17 });
      }),
    );
  });

  test('of one plain string is allowed, whatever whitespace and comments are between its tokens', () => {
    fc.assert(
      fc.property(between, between, fc.constantFrom(')', ', {})'), (one, two, end) => {
        expect(guardModule(`export const a = import${one}(${two}'./a.ts'${one}${end};`)).toBe(null);
      }),
    );
  });
});

test.each([
  'if(a)',
  'else ',
  'while(a)',
  '!',
  'typeof ',
  'a?',
  'a=>',
  'a=',
  'a**',
  '``',
  'a.',
  '<',
  'a:',
  'a+',
])('the module guard refuses a chain of "%s" above the limit, and allows one at half the limit', (link) => {
  expect(guardModule(`${link.repeat(moduleChain + 1)}a`)?.code).toBe('too_deep');
  expect(guardModule(`${link.repeat(moduleChain / 2)}a`)).toBe(null);
});

test('the module guard takes linear time for any module', () => {
  const shapes = [
    'import//',
    'import/*',
    '/*import',
    'import(`',
    'import(\'import("',
    '//\n',
    'import\n//',
    '/',
    '*/',
    'import.defer',
    "'",
    String.raw`\'`,
    String.raw`\"'`,
    '/* ',
    '\\',
    '`',
  ];
  for (const shape of shapes) {
    const ofLength = (length: number): number => {
      const text = shape.repeat(Math.ceil(length / shape.length));
      const runs = [1, 2, 3].map(() => {
        const { user } = process.cpuUsage();
        guardModule(text);
        return process.cpuUsage().user - user;
      });
      return Math.min(...runs) / 1_000;
    };
    // The second text is 16 times as long as the first. A linear scan takes about 16 times as long, or up to 32 times
    // under load. A quadratic scan takes 256 times as long.
    const short = Math.max(ofLength(14_000), 0.5);
    expect([shape, ofLength(224_000) / short < 100]).toEqual([shape, true]);
  }
});
