import type { Node } from 'oxc-parser';

import { nodesUnder } from './syntax.ts';

/**
 * The names in a file that refer to parts of `ctx` which work only outside of a step: its promises, its clock, its
 * randomness, and functions that use them. An awaited value is plain data and works everywhere. The same is true of
 * the key, an id and a random value.
 */
export function liveNames(nodes: readonly Node[]): Set<string> {
  const live = new Set<string>();
  for (const node of nodes) {
    if (node.type === 'FunctionDeclaration' && node.id && closesOverContext(node)) live.add(node.id.name);
    if (node.type !== 'VariableDeclarator' || !node.init || !isLive(node.init)) continue;
    for (const name of boundNames(node.id)) live.add(name);
  }
  return live;
}

/** Whether the body of a closure uses ctx itself or one of the live names. */
export function leaksContext(body: Node, live: ReadonlySet<string>): boolean {
  return [...nodesUnder(body)].some(
    (node) => node.type === 'Identifier' && isReference(node) && (node.name === 'ctx' || live.has(node.name)),
  );
}

function isLive(value: Node): boolean {
  if (value.type.endsWith('FunctionExpression')) return closesOverContext(value);
  const chain = chainFromContext(value);
  return chain !== null && !isPlain(chain);
}

/** Whether the function uses the ctx of its enclosing scope instead of a ctx parameter. */
function closesOverContext(made: Node): boolean {
  const own = 'params' in made && Array.isArray(made.params) ? made.params : [];
  if (own.some((parameter) => parameter.type === 'Identifier' && parameter.name === 'ctx')) return false;
  return leaksContext(made, new Set());
}

/**
 * Returns the names in a chain of calls: [promise, get] for `ctx.promise('x').get()`. Null if the expression does not
 * begin with ctx.
 */
function chainFromContext(value: Node): string[] | null {
  if (value.type === 'Identifier') return value.name === 'ctx' ? [] : null;
  if (value.type === 'CallExpression') return chainFromContext(value.callee);
  if (value.type !== 'MemberExpression') return null;
  const before = chainFromContext(value.object);
  return before && [...before, value.property.type === 'Identifier' ? value.property.name : '?'];
}

function isPlain([first, second]: string[]): boolean {
  if (first === 'key') return true;
  return (
    (first === 'rand' || first === 'request' || first === 'awakeable') &&
    second !== undefined &&
    second !== 'promise'
  );
}

function boundNames(pattern: Node): string[] {
  if (pattern.type === 'Identifier') return [pattern.name];
  if (pattern.type !== 'ObjectPattern') return [];
  return pattern.properties.flatMap((property) => {
    if (property.type !== 'Property' || property.value.type !== 'Identifier') return [];
    const isId = property.key.type === 'Identifier' && property.key.name === 'id';
    return isId ? [] : [property.value.name];
  });
}

function isReference(node: Node & { type: 'Identifier' }): boolean {
  const parent = node.parent;
  if (parent?.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (parent?.type === 'Property') return parent.value === node || parent.computed;
  return true;
}
