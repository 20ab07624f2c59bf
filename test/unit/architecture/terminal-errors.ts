import type { Node } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from './syntax.ts';

/**
 * Reports terminal errors that a handler creates but does not throw. The handler would continue as if nothing had
 * happened. The error may also reject a promise, or be the result of a function whose declared return type is a
 * terminal error.
 */
export function unthrownErrors(source: SourceText): Fault[] {
  return [...nodesUnder(parse(source))]
    .filter((node) => makesTerminalError(node) && !goesSomewhere(node))
    .map((node) => ({
      path: source.path,
      line: lineOf(source, node),
      rule: 'terminal-error',
      message: 'a TerminalError is thrown where it is made',
    }));
}

function makesTerminalError(node: Node): boolean {
  if (node.type !== 'NewExpression' || node.callee.type !== 'Identifier') return false;
  return /^(Terminal|Retryable|Pause|Cancelled|Timeout)Error$/.test(node.callee.name);
}

function goesSomewhere(node: Node): boolean {
  const parent = node.parent;
  switch (parent?.type) {
    case 'ThrowStatement':
      return true;
    case 'ConditionalExpression':
    case 'LogicalExpression':
      return goesSomewhere(parent);
    case 'CallExpression':
      return isRejection(parent.callee);
    case 'ReturnStatement':
    case 'ArrowFunctionExpression':
      return inFunctionThatMakesErrors(node);
    default:
      return false;
  }
}

function isRejection(callee: Node): boolean {
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return false;
  return callee.property.name === 'reject' || callee.property.name === 'rejectAwakeable';
}

function inFunctionThatMakesErrors(node: Node): boolean {
  for (let around = node.parent; around; around = around.parent) {
    if (!('returnType' in around)) continue;
    const { returnType } = around;
    return !!returnType && [...nodesUnder(returnType)].some(isErrorName);
  }
  return false;
}

function isErrorName(node: Node): boolean {
  return node.type === 'Identifier' && node.name.endsWith('Error');
}
