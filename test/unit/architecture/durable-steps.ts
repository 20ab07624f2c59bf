import type { CallExpression, Node } from 'oxc-parser';

import { isBounded } from './bounded-retries.ts';
import { contextEscape } from './context-name.ts';
import { leaksContext, liveNames } from './live-context.ts';
import { type Fault, lineOf, nodesUnder, parse, type SourceText } from './syntax.ts';

/**
 * Rules for every durable step, `ctx.run(name, () => one call, retries)`. Its name is a literal that occurs
 * once in the file, because it is journaled and operators search for it. Its closure is one expression that
 * uses nothing of `ctx`, because it runs outside of the journal. Its retries end, because otherwise no
 * compensation would run.
 */
export function stepFaults(source: SourceText): Fault[] {
  const nodes = [...nodesUnder(parse(source))];
  const faults: Fault[] = [];
  const report = (node: Node, rule: string, message: string): void => {
    faults.push({ path: source.path, line: lineOf(source, node), rule, message });
  };
  const live = liveNames(nodes);
  const names = new Set<string>();
  for (const node of nodes) {
    const escape = contextEscape(node);
    if (escape !== null) report(node, 'context-name', escape);
    if (isStep(node)) checkStep(node, { names, live, nodes, report });
    else if (looksLikeStep(node)) report(node, 'context-name', 'the Restate context is called ctx, in whole');
  }
  return faults;
}

type Report = (node: Node, rule: string, message: string) => void;

interface File {
  readonly names: Set<string>;
  readonly live: ReadonlySet<string>;
  readonly nodes: readonly Node[];
  readonly report: Report;
}

function checkStep(step: CallExpression, { names, live, nodes, report }: File): void {
  const [name, closure, retries] = step.arguments;
  if (name?.type !== 'Literal' || typeof name.value !== 'string' || name.value === '') {
    report(step, 'step-name', 'the first argument of ctx.run is its name, a literal');
  } else if (names.has(name.value)) {
    report(step, 'step-name', `this file has a step "${name.value}" already`);
  } else {
    names.add(name.value);
  }
  const body = closure && onlyExpression(closure);
  if (!body)
    report(step, 'step-closure', 'the second argument of ctx.run is an arrow function of one expression');
  else if (leaksContext(body, live))
    report(step, 'step-closure', 'the closure of ctx.run uses nothing of ctx');
  if (!retries || !isBounded(retries, nodes)) {
    report(
      step,
      'step-retries',
      'the third argument of ctx.run is one of stepRetries, or has maxRetryAttempts or maxRetryDuration',
    );
  }
}

function isStep(node: Node): node is CallExpression {
  return isRun(node) && node.callee.object.type === 'Identifier' && node.callee.object.name === 'ctx';
}

/**
 * Whether the node calls `run` with a closure on any object. If the object is not named ctx, the check of durable
 * steps would miss it.
 */
function looksLikeStep(node: Node): boolean {
  return isRun(node) && node.arguments.some((argument) => argument.type.endsWith('FunctionExpression'));
}

function isRun(node: Node): node is CallExpression & { callee: Node & { type: 'MemberExpression' } } {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  const { property } = node.callee;
  return (
    (property.type === 'Identifier' && property.name === 'run') ||
    (property.type === 'Literal' && property.value === 'run')
  );
}

function onlyExpression(closure: Node): Node | null {
  if (closure.type !== 'ArrowFunctionExpression') return null;
  return closure.body.type === 'BlockStatement' ? null : closure.body;
}
