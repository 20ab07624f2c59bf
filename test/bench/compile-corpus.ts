import { stringify as toToml } from 'smol-toml';
import { stringify as toYaml } from 'yaml';
import { digestOf } from '../../packages/protocol/digest.ts';
import { sourceTree, type SourceTree } from '../../packages/protocol/releases/source.ts';

/** The JSON Schema that every generated document satisfies. */
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['name', 'model', 'tools', 'steps'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^agent-[0-9]+$' },
    description: { type: 'string', maxLength: 500 },
    model: {
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: {
        name: { enum: ['small', 'large'] },
        temperature: { type: 'number', minimum: 0, maximum: 1 },
      },
    },
    tools: { type: 'array', items: { type: 'string' }, uniqueItems: true },
    limits: { type: 'object', additionalProperties: { type: 'integer' } },
    steps: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'say'],
        additionalProperties: false,
        properties: {
          id: { type: 'integer' },
          say: { type: 'string' },
          when: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
} as const;

export interface Corpus {
  readonly tree: SourceTree;
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** The documents without the schema and the recipe, as input for the bare parsers. */
  readonly documents: readonly { readonly path: string; readonly text: string }[];
}

/**
 * Generates `count` documents of 1 to 3 KB each: 60% YAML, 30% JSON, 10% TOML. A different `edited` gives the first
 * document a different content.
 */
export function corpus(count: number, edited = 0): Corpus {
  const documents = Array.from({ length: count }, (_, index) => documentAt(index, index === 0 ? edited : 0));
  const recipe = [
    'apiVersion: pointsman/v1',
    'documents: [{ include: ["agents/**"], schema: schemas/agent.json }]',
    'references: [{ from: "agents/**#/tools/*", to: "agents/**#/name" }]',
  ].join('\n');
  const files = [
    { path: 'pointsman.yaml', text: recipe },
    { path: 'schemas/agent.json', text: JSON.stringify(schema) },
    ...documents,
  ];
  const contents = new Map<string, Uint8Array>();
  const entries = files.map(({ path, text }) => {
    const content = new TextEncoder().encode(text);
    const digest = digestOf(content);
    contents.set(digest, content);
    return { path, digest, size: content.byteLength };
  });
  return { tree: sourceTree(entries), contents, documents };
}

function documentAt(index: number, edited: number): { path: string; text: string } {
  const value = {
    name: `agent-${index}`,
    description: `Number ${index}, edition ${edited}: answers questions about orders, invoices and "returns".`,
    model: { name: index % 2 === 0 ? 'small' : 'large', temperature: (index % 10) / 10 },
    tools: [`agent-${(index * 7) % 50}`, `agent-${((index * 7) % 50) + 1}`],
    limits: { turns: 3 + (index % 20), cents: index * 13, seconds: 30 },
    steps: Array.from({ length: 5 + (index % 15) }, (_, step) => ({
      id: step,
      say: `Step ${step} of agent ${index}: be kind, be short, and ask before you act.`,
      when: ['started', `after-${step}`],
    })),
  };
  const folder = `agents/${index % 20}`;
  if (index % 10 === 9) return { path: `${folder}/a${index}.toml`, text: toToml(value) };
  if (index % 10 >= 6) return { path: `${folder}/a${index}.json`, text: JSON.stringify(value, null, 2) };
  return { path: `${folder}/a${index}.yaml`, text: toYaml(value) };
}
