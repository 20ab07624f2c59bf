import type { Node } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from './syntax.ts';

/** The only file that may read the error of a schema, because it reads only a few of its issues at a time. */
const READER = 'packages/protocol/json/schema-issues.ts';

const WHOLE_ERROR = new Set(['prettifyError', 'treeifyError', 'flattenError', 'formatError', 'issues']);

/** Files with a property named `error` that is not the error of a schema. */
const OTHER_ERRORS = new Map([['services/api/http/router.ts', 'c.error']]);

/**
 * Files that may call a schema's `parse`, which throws all issues as one text. Their input does not come from a
 * tenant or a client.
 */
export const TRUSTED: ReadonlyMap<string, { readonly calls: number; readonly from: string }> = new Map([
  ['packages/protocol/hook.ts', { calls: 2, from: 'names that were checked before' }],
  ['services/api/diagnosis/restate.ts', { calls: 1, from: 'Restate' }],
  ['services/api/diagnosis/worker-systems.ts', { calls: 1, from: 'the worker' }],
  ['services/api/responses/problem.ts', { calls: 4, from: 'the details of our own errors' }],
  ['services/api/tenants/policy-routes.ts', { calls: 1, from: 'a policy, after its schema' }],
  ['packages/client/follower/follower.ts', { calls: 4, from: 'the options of the program that follows' }],
  [
    'packages/client/follower/cache/last-good.ts',
    { calls: 1, from: 'its own file; what is thrown is dropped' },
  ],
  ['services/postgres/database.ts', { calls: 1, from: 'an error that our SQL raised' }],
  ['services/postgres/upkeep/doctor.ts', { calls: 1, from: 'a row' }],
  ['packages/dev/postgres/embedded-binaries.ts', { calls: 1, from: 'a package' }],
  ['services/postgres/rows.ts', { calls: 2, from: 'rows' }],
  ['services/postgres/schema-version.ts', { calls: 2, from: 'rows' }],
  [
    'packages/client/rabbitmq/move-consumer.ts',
    { calls: 1, from: 'the options of the program that consumes' },
  ],
  ['packages/client/redis/bundle-reader.ts', { calls: 1, from: 'the form of a reply of Redis' }],
  ['packages/client/redis/group-reader.ts', { calls: 1, from: 'the form of a reply of Redis' }],
  ['services/redis/stream-append.ts', { calls: 1, from: 'the form of a reply of Redis' }],
  ['services/restate/admin.ts', { calls: 4, from: 'Restate' }],
  ['packages/dev/stack/data-dir-lock.ts', { calls: 1, from: 'its own file; what is thrown is dropped' }],
  ['services/worker/sweep/invocations.ts', { calls: 2, from: 'Restate' }],
]);

/** Objects with a method `parse` that does not belong to a schema. */
const OTHER_PARSERS = /^(?:JSON|Date|URL|ipaddr(?:\.IPv[46])?|new Parser\(\)|program)$/;

/**
 * Reports code that creates a text from all issues of a schema's error. Four megabytes of untrusted input can have
 * two million issues, and the error's message contains all of them as JSON. Code must not read a result's error, use
 * the library's functions that format it, or call a `parse` that throws it.
 */
export function issueTextFaults(source: SourceText): Fault[] {
  if (source.path === READER) return [];
  const nodes = [...nodesUnder(parse(source))];
  const parses = nodes.filter((node) => isThrowingParse(node, source));
  const trusted = parses.length <= (TRUSTED.get(source.path)?.calls ?? 0);
  const fault = (node: Node, message: string): Fault => ({
    path: source.path,
    line: lineOf(source, node),
    rule: 'issue-text',
    message,
  });
  return [
    ...nodes
      .filter((node) => readsError(node, source))
      .map((node) => fault(node, `the error of a schema has no bound: use ${READER}`)),
    ...(trusted ? [] : parses).map((node) =>
      fault(node, 'parse() throws all issues: use safeParse(), or list the file in issue-text.ts'),
    ),
  ];
}

/** The number of calls in the file that throw all issues of a schema's error. */
export function throwingParses(source: SourceText): number {
  return [...nodesUnder(parse(source))].filter((node) => isThrowingParse(node, source)).length;
}

/**
 * Finds `parsed.error`, and the destructuring `{ error }`. A call of a method with that name, such as a logger's, is
 * not reported.
 */
function readsError(node: Node, source: SourceText): boolean {
  if (node.type === 'ObjectPattern') {
    return node.properties.some(
      (property) => property.type === 'Property' && nameOf(property.key) === 'error',
    );
  }
  const name = memberName(node);
  if (name === null) return false;
  if (name !== 'error') return WHOLE_ERROR.has(name);
  return !isCalled(node) && OTHER_ERRORS.get(source.path) !== textOf(node, source);
}

function isThrowingParse(node: Node, source: SourceText): boolean {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  const name = memberName(node.callee);
  const isParse = name === 'parse' || name === 'parseAsync';
  return isParse && !OTHER_PARSERS.test(textOf(node.callee.object, source));
}

function isCalled(node: Node): boolean {
  const { parent } = node;
  return parent?.type === 'CallExpression' && parent.callee === node;
}

function textOf(node: Node, { text }: SourceText): string {
  return text.slice(node.start, node.end);
}

function memberName(node: Node): string | null {
  return node.type === 'MemberExpression' ? nameOf(node.property) : null;
}

function nameOf(node: Node): string | null {
  if (node.type === 'Identifier') return node.name;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : null;
}
