import type { Random } from '../support/data/seeded-random.ts';
import { pick, times } from './random.ts';

type Files = Readonly<Record<string, string>>;

const yaml = (documents: string): string => `apiVersion: pointsman/v1\n${documents}`;
const withSchema = (schema: string, document: string): Files => ({
  'pointsman.yaml': yaml('documents:\n  - { include: ["d.json"], schema: s.json }\n'),
  's.json': schema,
  'd.json': document,
});
const laughs = times(9, (n) => `l${n + 1}: &l${n + 1} [${times(9, () => `*l${n}`).join(', ')}]`).join('\n');

/**
 * Sources that a publisher might send. Most of them are malformed or hostile. Only a few exhaust a limit of the
 * compiler, because each of those takes seconds.
 */
const SOURCES: Readonly<Record<string, Files>> = {
  'that is right': { 'a.json': '{"a":1}' },
  'without files': {},
  'with aliases of aliases': { 'a.yaml': `l0: &l0 [x]\n${laughs}\n` },
  'with deep YAML': { 'a.yaml': '['.repeat(5_000) },
  'with deep JSON': { 'a.json': '['.repeat(50_000) },
  'with deep TOML': { 'a.toml': `a = ${'['.repeat(3_000)}${']'.repeat(3_000)}` },
  'with a number past 2^53': { 'a.json': '{"n":9007199254740993}' },
  'with names of Object.prototype': { 'a.json': '{"__proto__":{"x":1},"constructor":2}' },
  'with a NUL': { 'a.json': '{"a":"\\u0000"}', 'b.md': 'a\0b' },
  'with half a character': { 'a.json': '{"a":"\\ud800"}' },
  'with tags': { 'a.yaml': 'a: !!js/function "x"\nb: !!binary "===="\nc: !<tag:x> 1\n' },
  'with a recipe of garbage': { 'pointsman.yaml': 'documents: [[[{]]]' },
  'with a recipe of another version': { 'pointsman.yaml': 'apiVersion: pointsman/v9\n' },
  'with globs': { 'pointsman.yaml': yaml(`assets: ["${'**/'.repeat(60)}*", "{a,b}{c,d}{e,f}*"]\n`) },
  'with a schema of nested quantifiers': withSchema('{"pattern":"^(a+)+$"}', `"${'a'.repeat(40)}!"`),
  'with a schema with lookaround': withSchema('{"pattern":"(?<=a)b"}', '"ab"'),
  'with a schema that refers to itself': withSchema('{"$ref":"#"}', '{}'),
  'with a schema of large integers': withSchema('{"minimum":-9223372036854775808}', '5'),
  'with a reference outside': withSchema('{"$ref":"http://127.0.0.1:1/s.json"}', '{}'),
  'with a module that does not parse': {
    'pointsman.yaml': yaml('modules:\n  - { entry: m.ts }\n'),
    'm.ts': `import${'/'.repeat(44)}\n(((`,
  },
  'with a module of deep nesting': {
    'pointsman.yaml': yaml('modules:\n  - { entry: m.ts }\n'),
    'm.ts': 'if(a);else '.repeat(500),
  },
  'with references to nothing': {
    'pointsman.yaml': yaml('references:\n  - { from: "a.json#/x/*", to: "b.json#/y" }\n'),
    'a.json': '{"x":["p","q"]}',
  },
};

export function hostileSource(random: Random): { kind: string; files: Files } {
  const kind = pick(random, Object.keys(SOURCES));
  return { kind, files: SOURCES[kind] ?? {} };
}
