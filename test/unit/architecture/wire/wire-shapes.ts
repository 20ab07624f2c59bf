import type { CallExpression, Node, ObjectExpression } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from '../syntax.ts';

const PROTOCOL = '@pointsman/protocol/';

/** The code that sends requests to the API and reads its responses. */
const READERS = /^packages\/(?:cli\/|client\/http\/|client\/follower\/(?!cache\/))/;

/** Files of the readers that build schemas, with the reason. */
const BUILDERS = new Map([['packages/client/http/lenient.ts', 'copies the schemas of the protocol']]);

/** Files that send a body without a type, with the reason. */
const UNTYPED = new Map([
  ['packages/cli/commands/tenants/policy.ts', 'sends a policy as its author wrote it, and the API checks it'],
]);

const OBJECTS = new Set(['object', 'strictObject', 'looseObject', 'interface']);

/** Reports object schemas that a reader of the API declares itself instead of reading with those of the protocol. */
export function readerSchemaFaults(source: SourceText): Fault[] {
  if (!READERS.test(source.path) || BUILDERS.has(source.path)) return [];
  return schemaCalls(source).map(({ call }) => {
    const message = `a schema of the API belongs into packages/protocol`;
    return { path: source.path, line: lineOf(source, call), rule: 'wire-schema', message };
  });
}

/** Reports schemas of a problem document (RFC 9457, section 3.1) outside of the protocol. */
export function problemFaults(source: SourceText): Fault[] {
  if (source.path.startsWith('packages/protocol/')) return [];
  return schemaCalls(source).flatMap(({ call, keys }) => {
    if (!keys.includes('title') || !keys.includes('status')) return [];
    const message = 'the problem document is stated in packages/protocol/problem.ts';
    return [{ path: source.path, line: lineOf(source, call), rule: 'problem-schema', message }];
  });
}

/** Reports request bodies whose type a reader of the API does not import from the protocol. */
export function bodyFaults(source: SourceText): Fault[] {
  if (!READERS.test(source.path) || UNTYPED.has(source.path) || !source.text.includes('json')) return [];
  const nodes = [...nodesUnder(parse(source))];
  const imported = importedNames(nodes);
  return nodes.flatMap((node) => {
    if (node.type !== 'CallExpression' || !isRequest(node)) return [];
    return bodiesOf(node).flatMap((body) => {
      const types = typesOf(body, nodes);
      const isStated = types.length > 0 && types.every((type) => isImported(type, imported));
      const message = 'the type of a request body is imported from packages/protocol';
      return isStated ? [] : [{ path: source.path, line: lineOf(source, body), rule: 'wire-body', message }];
    });
  });
}

/** The calls `z.object({ … })` of a file, with the names of their fields. */
function schemaCalls(source: SourceText): { call: CallExpression; keys: string[] }[] {
  if (!source.text.includes('z.')) return [];
  return [...nodesUnder(parse(source))].flatMap((node) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return [];
    const { object, property } = node.callee;
    if (object.type !== 'Identifier' || object.name !== 'z') return [];
    if (property.type !== 'Identifier' || !OBJECTS.has(property.name)) return [];
    const [shape] = node.arguments;
    return [{ call: node, keys: shape?.type === 'ObjectExpression' ? keysOf(shape) : [] }];
  });
}

function keysOf({ properties }: ObjectExpression): string[] {
  return properties.flatMap((one) => {
    if (one.type !== 'Property') return [];
    return one.key.type === 'Identifier' ? [one.key.name] : [];
  });
}

/** The names that the file imports from the protocol. */
function importedNames(nodes: readonly Node[]): ReadonlySet<string> {
  return new Set(
    nodes.flatMap((node) =>
      node.type === 'ImportDeclaration' && node.source.value.startsWith(PROTOCOL)
        ? node.specifiers.map(({ local }) => local.name)
        : [],
    ),
  );
}

function isRequest({ callee }: CallExpression): boolean {
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return false;
  return callee.property.name === 'call' || callee.property.name === 'send';
}

/** The values of the property `json` in the arguments of a function call. */
function bodiesOf({ arguments: given }: CallExpression): Node[] {
  return given.flatMap((one) => {
    if (one.type !== 'ObjectExpression') return [];
    return one.properties.flatMap((property) =>
      property.type === 'Property' && property.key.type === 'Identifier' && property.key.name === 'json'
        ? [property.value]
        : [],
    );
  });
}

/** The types that a body states: its own (`satisfies`), or those of the declarations of its name. */
function typesOf(body: Node, nodes: readonly Node[]): Node[] {
  if (body.type === 'TSSatisfiesExpression') return [body.typeAnnotation];
  if (body.type !== 'Identifier') return [];
  return nodes.flatMap((node) => {
    if (node.type !== 'Identifier' || node.name !== body.name) return [];
    const annotation = 'typeAnnotation' in node ? node.typeAnnotation : null;
    return annotation ? [annotation.typeAnnotation] : [];
  });
}

/** Whether every type that the annotation names is from the protocol, and none is declared in place. */
function isImported(type: Node, imported: ReadonlySet<string>): boolean {
  const parts = [...nodesUnder(type)];
  if (type.type !== 'TSTypeReference' && type.type !== 'TSUnionType') return false;
  if (parts.some((part) => part.type === 'TSTypeLiteral')) return false;
  return parts.every((part) => {
    if (part.type !== 'TSTypeReference') return true;
    return part.typeName.type === 'Identifier' && imported.has(part.typeName.name);
  });
}
