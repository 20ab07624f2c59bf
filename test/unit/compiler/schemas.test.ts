import { describe, expect, test } from 'vitest';
import { artifactOf, compileHere, problemsOf } from './compile-here.ts';

const withSchema = (schema: string, document: string, others: { [path: string]: string } = {}) => ({
  'pointsman.yaml': 'apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: s/main.json }]',
  's/main.json': schema,
  'd/a.yaml': document,
  ...others,
});

describe('in the dialects of JSON Schema,', () => {
  test.each<[draft: string, schema: object, good: string, bad: string, problem: string]>([
    [
      'http://json-schema.org/draft-04/schema#',
      { properties: { a: { maximum: 3, exclusiveMaximum: true } } },
      'a: 2',
      'a: 3',
      'maximum /a',
    ],
    [
      'http://json-schema.org/draft-06/schema#',
      { properties: { a: { const: 1 } } },
      'a: 1',
      'a: 2',
      'const /a',
    ],
    [
      'http://json-schema.org/draft-07/schema#',
      JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]}}') as object,
      'a: 1\nb: 1',
      'a: 1',
      'required',
    ],
    [
      'https://json-schema.org/draft/2019-09/schema',
      { properties: { a: true }, unevaluatedProperties: false },
      'a: 1',
      'b: 1',
      'unevaluated_properties /b',
    ],
    [
      'https://json-schema.org/draft/2020-12/schema',
      { properties: { a: { prefixItems: [{ type: 'string' }] } } },
      'a: [x]',
      'a: [1]',
      'type /a/0',
    ],
  ])('schemas of %s follow the rules of that dialect', async ($schema, schema, good, bad, problem) => {
    const text = JSON.stringify({ $schema, ...schema });
    expect((await compileHere(withSchema(text, good))).kind).toBe('compiled');
    expect((await problemsOf(withSchema(text, bad))).map((line) => line.replace(/^.*schema_/, ''))).toContain(
      problem,
    );
  });

  test.each([
    ['at its root', '{"$async": true, "required": ["b"]}', 's/main.json:1:12 schema_invalid /$async'],
    [
      'below its root',
      '{"properties": {"a": {"$async": true, "type": "string"}}}',
      's/main.json:1:1 schema_invalid',
    ],
  ])(
    'a schema with the keyword $async %s cannot make an invalid document pass',
    async (_where, schema, problem) => {
      expect(await problemsOf(withSchema(schema, 'a: 1'))).toEqual([problem]);
    },
  );

  test('an unknown dialect is reported at its location', async () => {
    const files = withSchema('{\n "$schema": "http://json-schema.org/draft-03/schema#"}', 'a: 1');
    expect(await problemsOf(files)).toEqual(['s/main.json:2:13 schema_dialect /$schema']);
  });

  test('known formats are checked, and unknown formats are ignored', async () => {
    const schema =
      '{"properties":{"a":{"format":"email"},"b":{"format":"date-time"},"c":{"format":"no-such-format"}}}';
    expect(await problemsOf(withSchema(schema, 'a: no\nb: 2020-13-01T00:00:00Z\nc: x'))).toEqual([
      'd/a.yaml:1:4 schema_format /a',
      'd/a.yaml:2:4 schema_format /b',
    ]);
  });
});

describe('for a document that violates its schema,', () => {
  const schema = JSON.stringify({
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string' },
      list: { items: { enum: ['x', 'y'] } },
      'a/b~c': { type: 'null' },
    },
  });

  test('all violations in a YAML document are reported at their locations', async () => {
    expect(await problemsOf(withSchema(schema, 'nmae: x\nlist:\n  - x\n  - z\n"a/b~c": 1'))).toEqual([
      'd/a.yaml:1:1 schema_additional_properties /nmae',
      'd/a.yaml:1:1 schema_required',
      'd/a.yaml:4:5 schema_enum /list/1',
      'd/a.yaml:5:10 schema_type /a~1b~0c',
    ]);
  });

  test('all violations in a JSON document are reported at their locations', async () => {
    const files = {
      ...withSchema(schema, 'name: x'),
      'd/b.json': '{\n  "nmae": "x",\n  "list": ["x",\n\t"z"]\n}',
    };
    expect(await problemsOf(files)).toEqual([
      'd/b.json:1:1 schema_required',
      'd/b.json:2:3 schema_additional_properties /nmae',
      'd/b.json:4:2 schema_enum /list/1',
    ]);
  });

  test('all violations in a TOML document are reported at their locations', async () => {
    const wide = JSON.stringify({
      properties: {
        t: { items: { properties: { 'k.x': { type: 'string' }, in: { properties: { z: { const: 1 } } } } } },
      },
    });
    const files = {
      ...withSchema(wide, 'a: 1'),
      'd/b.toml': '[[t]]\n"k.x" = "good"\n[[t]]\n"k.x" = 1\nin = { z = 2 }',
    };
    expect(await problemsOf(files)).toEqual([
      'd/b.toml:4:9 schema_type /t/1/k.x',
      'd/b.toml:5:12 schema_const /t/1/in/z',
    ]);
  });

  test('inherited properties of JavaScript objects do not count as properties of a document', async () => {
    const files = withSchema(
      '{"properties":{"constructor":{"type":"string"}},"required":["toString"]}',
      'a: 1',
    );
    expect(await problemsOf(files)).toEqual(['d/a.yaml:1:1 schema_required']);
  });

  test('a document that several entries select must satisfy all their schemas', async () => {
    const files = {
      'pointsman.yaml':
        'apiVersion: pointsman/v1\ndocuments:\n- { include: ["*.json"], schema: s/a.yaml }\n- { include: [d.json], schema: s/b.toml }',
      's/a.yaml': 'required: [a]',
      's/b.toml': 'required = ["b"]',
      'd.json': '{}',
    };
    expect(await problemsOf(files)).toEqual(['d.json:1:1 schema_required', 'd.json:1:1 schema_required']);
  });
});

describe('for references between schemas,', () => {
  test('a reference can be a path relative to the file, a $id, or a path relative to the $id', async () => {
    const schema = JSON.stringify({
      $id: 'https://acme.example/schemas/main.json',
      properties: {
        path: { $ref: '../parts/by%20path.yaml#/$defs/small' },
        id: { $ref: 'https://acme.example/other/by-id.json' },
        beside: { $ref: 'beside.json' },
        self: { $ref: '#/$defs/own' },
      },
      $defs: { own: { const: 4 } },
    });
    const others = {
      'parts/by path.yaml': '$defs: { small: { $ref: ../s/beside.json, maximum: 9 } }',
      'elsewhere/x.json': '{"$id":"https://acme.example/other/by-id.json","type":"string"}',
      's/beside.json': '{"type":"integer"}',
    };
    expect((await compileHere(withSchema(schema, 'path: 1\nid: x\nbeside: 2\nself: 4', others))).kind).toBe(
      'compiled',
    );
    expect(await problemsOf(withSchema(schema, 'path: 10\nid: 1\nbeside: x\nself: 5', others))).toEqual([
      'd/a.yaml:1:7 schema_maximum /path',
      'd/a.yaml:2:5 schema_type /id',
      'd/a.yaml:3:9 schema_type /beside',
      'd/a.yaml:4:7 schema_const /self',
    ]);
  });

  test('every reference that leads outside the source is reported, and no schema is fetched', async () => {
    const schema =
      '{"properties":{\n"a":{"$ref":"https://example.com/x.json"},\n"b":{"$ref":"../../../etc/passwd"},\n"c":{"$ref":"none.json"}}}';
    expect(await problemsOf(withSchema(schema, 'a: 1'))).toEqual([
      's/main.json:2:13 schema_ref /properties/a/$ref',
      's/main.json:3:13 schema_ref /properties/b/$ref',
      's/main.json:4:13 schema_ref /properties/c/$ref',
    ]);
  });

  test('recursive references are allowed, and infinite recursion is reported', async () => {
    expect(await problemsOf(withSchema('{"$ref":"#"}', 'a: 1'))).toEqual(['d/a.yaml:1:1 schema_recursion']);
    const tree = '{"properties":{"kids":{"items":{"$ref":"main.json"}},"n":{"type":"integer"}}}';
    expect(await problemsOf(withSchema(tree, 'kids: [{ kids: [{ n: x }] }]'))).toEqual([
      'd/a.yaml:1:22 schema_type /kids/0/kids/0/n',
    ]);
  });

  test('a "$ref" in an enum value or in a document is not treated as a reference', async () => {
    expect(
      (await compileHere(withSchema('{"enum":[{"$ref":"nowhere.json"}]}', '$ref: nowhere.json'))).kind,
    ).toBe('compiled');
  });
});

describe('for an invalid schema,', () => {
  test('each mistake in a schema is reported at its location, even when no document needs the schema', async () => {
    const schema = '{\n"type": "objekt",\n"required": "a"}';
    const problems = await problemsOf(withSchema(schema, 'a: 1'));
    expect(problems).toContain('s/main.json:3:13 schema_invalid /required');
    expect(problems).toContain('s/main.json:2:9 schema_invalid /type');
    const { 'd/a.yaml': _unused, ...alone } = withSchema(schema, '');
    expect(await problemsOf(alone)).toEqual(problems);
  });

  test('each invalid pattern is reported at its location', async () => {
    const schema = '{"properties":{\n"a":{"pattern":"("}},\n"patternProperties":{"[":true}}';
    expect(await problemsOf(withSchema(schema, 'a: 1'))).toEqual([
      's/main.json:2:16 schema_invalid /properties/a/pattern',
      's/main.json:3:26 schema_invalid /patternProperties/[',
    ]);
  });

  test('a pattern that is too large for the engine is reported at its location', async () => {
    const schema = `{"properties":{"a":{"pattern":"${'k'.repeat(1024 * 1024)}"}}}`;
    expect(await problemsOf(withSchema(schema, 'a: k'))).toEqual([
      's/main.json:1:31 schema_invalid /properties/a/pattern',
    ]);
  });

  test('a schema that is missing, or not a map, is reported', async () => {
    const { 's/main.json': _unused, ...missing } = withSchema('', 'a: 1');
    expect(await problemsOf(missing)).toEqual(['pointsman.yaml:2:41 file_missing /documents/0/schema']);
    expect(await problemsOf(withSchema('[]', 'a: 1'))).toEqual(['s/main.json:1:1 schema_invalid']);
  });
});

describe('for an integer that a double cannot represent,', () => {
  const bounds = '"minimum":-9223372036854775808,"maximum":18446744073709551615';

  test.each([
    ['s/main.json', `{"properties":{"n":{"type":"integer",${bounds}}}}`],
    [
      's/main.yaml',
      'properties: { n: { type: integer, minimum: -9223372036854775808, maximum: 0xFFFFFFFFFFFFFFFF } }',
    ],
    [
      's/main.toml',
      '[properties.n]\ntype = "integer"\nminimum = -9223372036854775808\nmaximum = 9223372036854775807',
    ],
  ])('an integer too precise for a double in %s is read as the nearest double', async (path, schema) => {
    const files = (document: string) => ({
      'pointsman.yaml': `apiVersion: pointsman/v1\ndocuments: [{ include: ["d/*"], schema: ${path} }]`,
      [path]: schema,
      'd/a.yaml': document,
    });
    expect(await artifactOf(files('n: 9007199254740991'))).toEqual({ 'd/a.yaml': '{"n":9007199254740991}' });
    expect(await problemsOf(files('n: -1.0e+19'))).toEqual(['d/a.yaml:1:4 schema_minimum /n']);
  });

  test('an integer too precise for a double is refused in a document, even if the document is a schema', async () => {
    const files = { 'schema.json': `{"type":"integer",${bounds}}`, 'a.yaml': 'n: 9007199254740993' };
    expect(await problemsOf(files)).toEqual([
      'a.yaml:1:4 integer_out_of_range /n',
      'schema.json:1:29 integer_out_of_range /minimum',
      'schema.json:1:60 integer_out_of_range /maximum',
    ]);
  });
});

describe("a document's own $schema", () => {
  test('can be a path, a $id or the URI of a meta-schema', async () => {
    const files = {
      'schemas/s.json':
        '{"$schema":"http://json-schema.org/draft-07/schema#","$id":"urn:acme:s","required":["a"]}',
      'd/by-path.yaml': '$schema: ../schemas/s.json\nb: 1',
      'd/by-id.json': '{"$schema":"urn:acme:s"}',
      'd/good.json': '{"$schema":"urn:acme:s","a":1}',
      'bad-schema.json': '{"$schema":"http://json-schema.org/draft-07/schema#","type":"objekt"}',
    };
    const problems = await problemsOf(files);
    expect(problems).toContain('d/by-path.yaml:1:1 schema_required');
    expect(problems).toContain('d/by-id.json:1:1 schema_required');
    expect(problems.filter((line) => line.startsWith('bad-schema.json:1:61 '))).not.toEqual([]);
    expect(problems.filter((line) => /good|schemas/.test(line))).toEqual([]);
  });

  test('is reported when it is outside the source, unless the recipe names a schema for the document', async () => {
    const document = '{"$schema":"https://example.com/none.json"}';
    expect(await problemsOf({ 'a.json': document })).toEqual(['a.json:1:12 schema_missing /$schema']);
    expect(Object.keys(await artifactOf(withSchema('true', '{}', { 'd/b.json': document })))).toEqual([
      'd/a.yaml',
      'd/b.json',
    ]);
  });
});
