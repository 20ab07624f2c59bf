import { describe, expect, test } from 'vitest';
import { compileHere } from './compile-here.ts';

const recipe = (text: string): string => `apiVersion: pointsman/v1\n${text}`;

describe('in the compilation of a source,', () => {
  const warningsOf = async (files: Readonly<Record<string, string>>): Promise<string[]> => {
    const result = await compileHere(files);
    if (result.kind !== 'compiled') throw new Error(JSON.stringify(result));
    return result.warnings.map(({ path, line, column, code, pointer }) =>
      `${path}:${line}:${column} ${code} ${pointer}`.trim(),
    );
  };

  test('each file that nothing selects gets a warning, unless another file needs it', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents: [{ include: ["a/*.yaml"], schema: schemas/any.json }, { include: ["own.json"] }]\n' +
          'overlays: { staging: overlays/staging.yaml }\nassets: ["**/*.md"]\nmodules: [{ entry: tools/t.ts }]',
      ),
      'schemas/any.json': '{"$ref": "parts/common.json"}',
      'schemas/parts/common.json': 'true',
      'schemas/own.json': 'true',
      'overlays/staging.yaml': '{}',
      'a/a.yaml': 'a: 1',
      'own.json': '{"$schema": "schemas/own.json"}',
      'notes.md': 'hi',
      'tools/t.ts': 'import { n } from "./n.ts"; export const t: number = n;',
      'tools/n.ts': 'export const n = 1;',
      'tools/t.test.ts': 'export {};',
      'agents/forgotten.yaml': 'a: 1',
    };
    const expected = ['agents/forgotten.yaml:1:1 not_selected', 'tools/t.test.ts:1:1 not_selected'];
    expect(await warningsOf(files)).toEqual(expected);
  });

  test('each pattern of the recipe that matches nothing gets a warning at its location', async () => {
    const files = {
      'pointsman.yaml': recipe(
        'documents:\n  - include: ["a.yaml", "agent/*.yaml"]\nassets: ["prompt/**"]\n' +
          'references:\n  - { from: "agnets/*.yaml#/a", to: "a.yaml#/a" }\n',
      ),
      'a.yaml': 'a: 1',
    };
    expect(await warningsOf(files)).toEqual([
      'pointsman.yaml:3:25 matches_nothing /documents/0/include/1',
      'pointsman.yaml:4:10 matches_nothing /assets/0',
      'pointsman.yaml:6:13 matches_nothing /references/0/from',
    ]);
  });

  test('a source without a recipe gets no warnings, because all files are in the artifact', async () => {
    expect(await warningsOf({ 'a.yaml': 'a: 1', 'README.md': 'hi' })).toEqual([]);
  });
});
