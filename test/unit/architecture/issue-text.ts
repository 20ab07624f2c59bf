import type { Node } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from './syntax.ts';

/** The one file that reads issues, a few at a time. */
const READER = 'core/schema-issues.ts';

const WHOLE_ERROR = new Set(['prettifyError', 'treeifyError', 'flattenError', 'formatError']);

/**
 * Text that is made of all issues of a schema's error: four megabytes from outside can have two million issues. Forbidden are the issues
 * themselves, the library's functions that print them, and the message of a result's error, which is the JSON of all of them.
 */
export function issueTextFaults(source: SourceText): Fault[] {
  if (source.path === READER) return [];
  return [...nodesUnder(parse(source))].flatMap((node) => {
    const what = unboundedText(node);
    const message = `${what} has no bound: use ${READER}`;
    return what === null
      ? []
      : [{ path: source.path, line: lineOf(source, node), rule: 'issue-text', message }];
  });
}

function unboundedText(node: Node): string | null {
  if (node.type === 'CallExpression' && isPrinter(node.callee) && node.arguments.some(isResultError))
    return 'the text of an error of a schema';
  const name = memberName(node);
  if (name === null || node.type !== 'MemberExpression') return null;
  if (WHOLE_ERROR.has(name)) return `.${name}`;
  if (name === 'issues') return '.issues';
  return name === 'message' && isResultError(node.object) ? '.error.message' : null;
}

/** `parsed.error`, which only the result of a schema has; an error that was caught is a name of its own. */
function isResultError(node: Node): boolean {
  return memberName(node) === 'error';
}

/** `JSON.stringify(…)` and `String(…)`. */
function isPrinter(callee: Node): boolean {
  return memberName(callee) === 'stringify' || (callee.type === 'Identifier' && callee.name === 'String');
}

function memberName(node: Node): string | null {
  if (node.type !== 'MemberExpression') return null;
  const { property } = node;
  if (property.type === 'Identifier') return property.name;
  return property.type === 'Literal' && typeof property.value === 'string' ? property.value : null;
}
