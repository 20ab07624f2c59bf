import { type Node, parseSync, type Program, visitorKeys } from 'oxc-parser';

/** A file as the checks read it. The path is relative to the project's folder. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** A violation of a rule, with its place. */
export interface Fault {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/**
 * Parses TypeScript. Every node has a reference to its parent. It throws on text that is not TypeScript. Otherwise a
 * file that can't be parsed would pass every rule.
 */
export function parse({ path, text }: SourceText): Program {
  const { program, errors } = parseSync(path, text, { lang: 'ts', sourceType: 'module' });
  const [error] = errors;
  if (error) throw new Error(`${path}: ${error.message}`);
  adopt(program);
  return program;
}

/** The node and all its descendants, parents first. */
export function* nodesUnder(node: Node): Generator<Node> {
  const rest = [node];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    yield next;
    rest.push(...childrenOf(next).toReversed());
  }
}

export function lineOf(source: SourceText, node: Node): number {
  return source.text.slice(0, node.start).split('\n').length;
}

function adopt(node: Node): void {
  for (const child of childrenOf(node)) {
    child.parent = node;
    adopt(child);
  }
}

function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  for (const key of visitorKeys[node.type] ?? []) {
    const value: unknown = Reflect.get(node, key);
    if (Array.isArray(value)) children.push(...value.filter(isNode));
    else if (isNode(value)) children.push(value);
  }
  return children;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
