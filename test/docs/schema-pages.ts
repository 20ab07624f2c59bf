import { fieldTable } from './field-table.ts';

/** Generates docs/reference/pointsman-yaml.md. */
export function recipePage(): string {
  return [
    '# pointsman.yaml',
    'The file `pointsman.yaml` at the root of a source states how the source compiles. Without it, every JSON, YAML and TOML file is a document, and every other file is an asset. [Sources](../guides/sources.md) explains how to write one, and [compiling](../explanation/compiling.md) has the bounds. An unknown field is an error.',
    fieldTable('pointsman.json'),
    editors('pointsman.json', 'pointsman.schema.json'),
  ].join('\n\n');
}

/** Generates docs/reference/policy.md. */
export function policyPage(): string {
  return [
    '# The policy',
    'A tenant has one policy. [Policy](../guides/policy.md) explains how to set one, how freezes work and what a policy decides; [gates](../guides/gates.md) explains gates. An unknown field is an error.',
    fieldTable('policy.json'),
    editors('policy.json', 'policy.schema.json'),
  ].join('\n\n');
}

function editors(served: string, file: string): string {
  return [
    '## In an editor',
    `The API serves the JSON Schema of this file at \`GET /v1/schemas/${served}\`, without a token. The package \`@pointsman/protocol\` has the same schema as [schemas/${file}](../../packages/protocol/schemas/${file}). Editors with the YAML language server complete and check a file whose first line names it:`,
    `\`\`\`yaml\n# yaml-language-server: $schema=http://127.0.0.1:7400/v1/schemas/${served}\n\`\`\``,
    'JSON Schema cannot express every rule: a file that matches it may still be refused, with the location of the mistake.',
  ].join('\n\n');
}
