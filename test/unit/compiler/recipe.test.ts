import { describe, expect, test } from 'vitest';
import { artifactOf, compileHere, problemsOf } from './compile-here.ts';

const recipe = (text: string): string => `apiVersion: pointsman/v1\n${text}`;

describe('without a pointsman.yaml in the source,', () => {
  test('JSON, YAML and TOML files are documents, and all other files are assets', async () => {
    const files = { 'a.yml': 'x: 1', 'b/c.TOML': 'y = 2', 'd.json': ' [ ] ', 'e.md': '# hi', f: 'x' };
    expect(await artifactOf(files)).toEqual({
      'a.yml': '{"x":1}',
      'b/c.TOML': '{"y":2}',
      'd.json': '[]',
      'e.md': '(text/markdown)',
      f: '(application/octet-stream)',
    });
  });

  test('a recipe file with a misspelled name is reported and not ignored', async () => {
    expect(await problemsOf({ 'pointsman.yml': recipe('') })).toContain('pointsman.yml:1:1 misnamed_recipe');
  });

  test('an empty source is refused', async () => {
    expect(await problemsOf({})).toEqual(['pointsman.yaml:1:1 nothing_to_compile']);
  });
});

describe('in the selection of files by a recipe,', () => {
  test('documents, modules and assets are part of the artifact, but inputs and unmatched files are not', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents: [{ include: ["**/*.yaml", "**/*.json"], schema: schemas/any.json }]\n' +
          'overlays: { staging: overlays/staging.yaml }\nassets: ["**/*"]\nmodules: [{ entry: tools/t.ts }]',
      ),
      'schemas/any.json': '{"$ref": "parts/common.json"}',
      'schemas/parts/common.json': 'true',
      'overlays/staging.yaml': '{}',
      'a.yaml': 'a: 1',
      'tools/t.ts': 'export const t: number = 1;',
      'tools/.hidden': 'x',
      'notes.md': 'hi',
    };
    expect(Object.keys(await artifactOf(files))).toEqual(['a.yaml', 'notes.md', 'tools/t.js']);
  });

  test('a pattern with a wildcard may match nothing, but a plain path must exist', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents:\n  - include: ["a/*.yaml", b.yaml]\nassets: [c.md, "d/*"]\nmodules: [{ entry: e.ts }]',
      ),
      'x.txt': '',
    };
    expect(await problemsOf(files)).toEqual([
      'pointsman.yaml:3:27 file_missing /documents/0/include/1',
      'pointsman.yaml:4:10 file_missing /assets/0',
      'pointsman.yaml:5:20 file_missing /modules/0/entry',
    ]);
  });

  test('a document in an unknown format is refused, and so are two files with the same path', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents: [{ include: ["d/*"] }]\nmodules: [{ entry: m.ts }]\nassets: [m.js]',
      ),
      'd/a.md': '',
      'm.ts': 'export {}',
      'm.js': '',
    };
    expect(await problemsOf(files)).toEqual([
      'm.js:1:1 path_collision',
      'pointsman.yaml:2:25 unknown_format /documents/0/include/0',
    ]);
  });
});

describe('for a recipe with mistakes,', () => {
  test('every mistake in a recipe is reported at its location', async () => {
    const text = [
      'apiVersion: pointsman/v2',
      'document: []',
      'documents:',
      '  - include: []',
      '    schema: ../outside.json',
      '  - includes: ["*.yaml"]',
      'assets: ["!x", "/etc/*"]',
      'overlays: { Not A Channel: x.yaml }',
      'modules: 3',
    ].join('\n');
    expect(await problemsOf({ 'pointsman.yaml': text })).toEqual([
      'pointsman.yaml:1:13 invalid_field /apiVersion',
      'pointsman.yaml:2:1 unknown_field /document',
      'pointsman.yaml:4:14 invalid_field /documents/0/include',
      'pointsman.yaml:5:13 invalid_field /documents/0/schema',
      'pointsman.yaml:6:5 invalid_field /documents/1/include',
      'pointsman.yaml:6:5 unknown_field /documents/1/includes',
      'pointsman.yaml:7:10 invalid_field /assets/0',
      'pointsman.yaml:7:16 invalid_field /assets/1',
      'pointsman.yaml:8:28 invalid_field /overlays/Not A Channel',
      'pointsman.yaml:9:10 invalid_field /modules',
    ]);
  });

  test('a recipe that is not valid YAML is reported', async () => {
    expect(await problemsOf({ 'pointsman.yaml': 'a: [' })).toEqual(['pointsman.yaml:1:5 yaml_bad_indent']);
  });
});

describe('in a source with overlays,', () => {
  const base = {
    'pointsman.yaml': recipe(
      'documents: [{ include: ["agents/*.yaml"], schema: s.json }]\noverlays: { staging: o.yaml, canary: c.json }',
    ),
    's.json':
      '{"required":["model"],"properties":{"model":{"type":"object","required":["name"]},"n":{"type":"integer"}}}',
    'agents/a.yaml': 'model: { name: big, temp: 1 }\nn: 1',
    'agents/b.yaml': 'model: { name: big }',
    'c.json': '{}',
  };

  test('an overlay changes its channel by merge patch and does not change the base', async () => {
    const files = {
      ...base,
      'o.yaml': 'agents/a.yaml:\n  model: { name: small, temp: null, new: { x: null, y: 1 } }\n  n: 2',
    };
    expect((await artifactOf(files))['agents/a.yaml']).toBe('{"model":{"name":"big","temp":1},"n":1}');
    expect(await artifactOf(files, 'staging')).toEqual({
      'agents/a.yaml': '{"model":{"name":"small","new":{"y":1}},"n":2}',
      'agents/b.yaml': '{"model":{"name":"big"}}',
    });
  });

  test('the artifact of a channel shares all unchanged blobs with the base', async () => {
    const result = await compileHere({ ...base, 'o.yaml': 'agents/a.yaml: { n: 2 }' });
    if (result.kind !== 'compiled') throw new Error('it should compile');
    const [plain, canary, staging] = ['', 'canary', 'staging'].map((name) =>
      result.artifacts.find((artifact) => (artifact.channel ?? '') === name),
    );
    expect(canary?.digest).toBe(plain?.digest);
    expect(staging?.digest).not.toBe(plain?.digest);
    expect(staging?.files[1]).toEqual(plain?.files[1]);
    // The seven blobs are two documents, the patched document, two manifests and two indexes.
    expect(result.made).toHaveLength(7);
  });

  test('a violation that an overlay causes is reported at its location in the overlay', async () => {
    const text = 'agents/a.yaml:\n  n: two\nagents/b.yaml:\n  model: null';
    expect(await problemsOf({ ...base, 'o.yaml': text })).toEqual([
      'o.yaml:2:6 schema_type /agents~1a.yaml/n',
      'o.yaml:4:3 schema_required /agents~1b.yaml',
    ]);
  });

  test('an overlay that is not a map, or patches a path that is not a document, is refused', async () => {
    const text = 'agents/none.yaml: { a: 1 }\nagents/a.yaml: [1]\npointsman.yaml: {}';
    expect(await problemsOf({ ...base, 'o.yaml': text })).toEqual([
      'o.yaml:1:1 overlay_target /agents~1none.yaml',
      'o.yaml:2:16 overlay_invalid /agents~1a.yaml',
      'o.yaml:3:1 overlay_target /pointsman.yaml',
    ]);
    expect(await problemsOf({ ...base, 'o.yaml': '[1]' })).toEqual(['o.yaml:1:1 overlay_invalid']);
    expect(await problemsOf(base)).toEqual(['pointsman.yaml:3:22 file_missing /overlays/staging']);
  });
});

describe('in a source with references,', () => {
  const refs = (text: string) =>
    recipe(`documents: [{ include: ["agents/*", "tools/*"] }]\nassets: ["p/*"]\nreferences:\n${text}`);
  const tools = {
    'tools/t.json': '{"name":"search"}',
    'tools/u.toml': 'name = "refund"\nports = [1, 2]',
    'p/x.md': '',
  };

  test('a reference can select items and members with wildcards, across formats', async () => {
    const files = {
      ...tools,
      'pointsman.yaml': refs(
        '  - { from: "agents/*.yaml#/tools/*", to: "tools/*#/name" }\n' +
          '  - { from: "agents/*.yaml#/by/*/port", to: "tools/*#/ports/*" }\n' +
          '  - { from: "agents/*.yaml#/prompt", to: "p/*.md" }',
      ),
      'agents/a.yaml': 'tools: [search, refund]\nby: { x: { port: 1 }, y: { port: 2 } }\nprompt: p/x.md',
    };
    expect(Object.keys(await artifactOf(files))).toHaveLength(4);
  });

  test('each dangling reference is reported at the value that contains it', async () => {
    const files = {
      ...tools,
      'pointsman.yaml': refs(
        '  - { from: "agents/*.yaml#/tools/*", to: "tools/*#/name" }\n' +
          '  - { from: "agents/*#/tools", to: "tools/*#/name" }\n' +
          '  - { from: "agents/*#/prompt", to: "p/*.md" }',
      ),
      'agents/a.yaml': 'tools:\n  - search\n  - serach\nprompt: p/y.md',
      'agents/b.json': '{"tools": "1"}',
    };
    expect(await problemsOf(files)).toEqual([
      'agents/a.yaml:2:3 reference_not_scalar /tools',
      'agents/a.yaml:3:5 reference_missing /tools/1',
      'agents/a.yaml:4:9 reference_missing /prompt',
      'agents/b.json:1:11 reference_missing /tools',
    ]);
  });

  test('a reference that dangles because of an overlay is reported at the place that set its value', async () => {
    const files = {
      ...tools,
      'pointsman.yaml': `${refs('  - { from: "agents/*#/tools/*", to: "tools/*#/name" }')}\noverlays: { staging: o.yaml }`,
      'agents/a.yaml': 'tools: [search]',
      'agents/b.yaml': 'tools: [refund]',
      'o.yaml': 'agents/a.yaml:\n  tools: [nothing]\ntools/u.toml: { name: null }',
    };
    expect(await problemsOf(files)).toEqual([
      'agents/b.yaml:1:9 reference_missing /tools/0',
      'o.yaml:2:11 reference_missing /agents~1a.yaml/tools/0',
    ]);
  });

  test.each([
    ['cannot be parsed', 'name = "refund"\nports = [', 'tools/u.toml:2:9 toml_syntax'],
    ['violates its schema', 'name = "refund"\nports = 7', 'tools/u.toml:2:9 schema_type /ports'],
  ])('a reference into a document that %s is not reported as missing', async (_, text, problem) => {
    const files = {
      ...tools,
      'tools/u.toml': text,
      'tool.schema.json': '{"properties":{"ports":{"type":"array"}}}',
      'pointsman.yaml': recipe(
        'documents: [{ include: ["agents/*"] }, { include: ["tools/*"], schema: tool.schema.json }]\nassets: ["p/*"]\n' +
          'references: [{ from: "agents/*#/tools/*", to: "tools/*#/name" }, { from: "agents/*#/file", to: "tools/*" }]',
      ),
      'agents/a.yaml': 'tools: [search, refund]\nfile: tools/u.toml',
    };
    expect(await problemsOf(files)).toEqual([problem]);
  });

  test('a reference to a module with a syntax error is not reported as missing', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents: [{ include: ["agents/*"] }]\nmodules: [{ entry: m.ts }]\nreferences: [{ from: "agents/*#/run", to: "*.js" }]',
      ),
      'agents/a.yaml': 'run: m.js',
      'm.ts': 'export const = 1;',
    };
    expect((await problemsOf(files)).map((problem) => problem.split(':')[0])).toEqual(['m.ts']);
  });

  test('a reference is checked in each channel against the documents of that channel', async () => {
    const files = {
      ...tools,
      'tool.schema.json': '{"properties":{"name":{"type":"string"}}}',
      'pointsman.yaml': recipe(
        'documents: [{ include: ["agents/*"] }, { include: ["tools/*"], schema: tool.schema.json }]\nassets: ["p/*"]\n' +
          'references: [{ from: "agents/*#/tools/*", to: "tools/*#/name" }]\noverlays: { staging: o.yaml }',
      ),
      'agents/a.yaml': 'tools: [refund]\n',
      'agents/b.yaml': 'tools: [nowhere]\n',
      'o.yaml': 'tools/u.toml: { name: 7 }\n',
    };
    expect(await problemsOf(files)).toEqual([
      'agents/b.yaml:1:9 reference_missing /tools/0',
      'o.yaml:1:23 schema_type /tools~1u.toml/name',
    ]);
  });

  test('an invalid reference rule of the recipe is reported at its location', async () => {
    const files = { ...tools, 'pointsman.yaml': refs('  - { from: "agents/*", to: "tools/*#name" }') };
    expect(await problemsOf(files)).toEqual([
      'pointsman.yaml:5:13 invalid_field /references/0/from',
      'pointsman.yaml:5:29 invalid_field /references/0/to',
    ]);
  });
});
