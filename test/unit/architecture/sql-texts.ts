import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from './source-files.ts';
import type { SourceText } from './syntax.ts';

/** A text in a SQL file that violates a rule. */
export interface SqlFault {
  readonly line: number;
  readonly rule: 'sentence' | 'error-text' | 'short-name' | 'parameter-name' | 'parameter-list';
  readonly text: string;
}

/** The names of actions in the audit trail. They contain a space, but they are codes and not sentences. */
const ACTIONS = new Set([
  'compile report',
  'create token',
  'delete hook',
  'delete sink',
  'lift hold',
  'pause sink',
  'put policy',
  'revoke token',
  'rotate sink',
  'set hook',
  'set quotas',
  'set sink',
]);

const INTERVAL = /^\d+ (?:millisecond|second|minute|day)s?$/;
/**
 * The beginning of a statement that raises PostgreSQL's own error. Its text is written to the log for operators, and
 * no function returns it.
 */
const RAISED = /\bRAISE EXCEPTION $/;
/** The beginning of a statement that a migration composes and executes. */
const EXECUTED = /\bEXECUTE format\($/;
/** Expressions that give the text of a PostgreSQL error. */
const ERROR_TEXT = /\b(?:SQLERRM|MESSAGE_TEXT|PG_EXCEPTION_DETAIL|PG_EXCEPTION_HINT|MESSAGE\s*=)/i;

/** Every SQL file of the store. */
export async function readSqlFiles(): Promise<SourceText[]> {
  const paths: string[] = [];
  for await (const path of glob('services/postgres/{functions,schema}/*.sql', { cwd: ROOT }))
    paths.push(path);
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/**
 * Reports sentences in SQL, because all sentences belong in core/texts. A sentence is a string with a space, unless
 * it is a JSON document, a duration, the name of an action, or a text for operators only. Also reports code that
 * would return the text of an error to a caller.
 */
export function sentenceFaults(sql: string): SqlFault[] {
  const text = withoutComments(sql);
  const faults: SqlFault[] = [];
  for (const { index, value } of strings(text)) {
    if (!/\s/.test(value) || isAllowed(value, text.slice(0, index))) continue;
    faults.push({ line: lineOf(text, index), rule: 'sentence', text: value });
  }
  const found = ERROR_TEXT.exec(text);
  if (found) faults.push({ line: lineOf(text, found.index), rule: 'error-text', text: found[0] });
  return faults;
}

function isAllowed(value: string, before: string): boolean {
  if (ACTIONS.has(value) || INTERVAL.test(value)) return true;
  if (RAISED.test(before) || EXECUTED.test(before)) return true;
  return isDocumentOfCodes(value);
}

/** True for JSON that has no space in any of its strings. */
function isDocumentOfCodes(value: string): boolean {
  try {
    let spaces = false;
    JSON.parse(value, (_key, part: unknown) => {
      spaces ||= typeof part === 'string' && /\s/.test(part);
      return part;
    });
    return !spaces;
  } catch {
    return false;
  }
}

/** The minimum length of a variable's name. Shorter names, such as `t`, `b` or `v`, do not explain their variable. */
const SHORTEST_NAME = 3;

/** Reports variables with short names, and parameters whose name is not `p_` followed by a whole word. */
export function nameFaults(sql: string): SqlFault[] {
  const text = withoutComments(sql).replaceAll(/'(?:[^']|'')*'/g, (string) =>
    string.replaceAll(/[^\n]/g, ' '),
  );
  const faults: SqlFault[] = [];
  for (const { index, list } of parameterLists(text)) {
    // Parameter lists with brackets are reported, because the pattern below ends a list at its first closing bracket.
    if (list.includes('(')) faults.push({ line: lineOf(text, index), rule: 'parameter-list', text: list });
    for (const name of parameterNames(list)) {
      if (/^p_[a-z_]{3,}$/.test(name) || PARAMETER_NAMES.has(name)) continue;
      faults.push({ line: lineOf(text, index), rule: 'parameter-name', text: name });
    }
  }
  for (const block of text.matchAll(/\bDECLARE\n(?<lines>.*?)\n\s*BEGIN\b/gs)) {
    for (const declared of block[0].matchAll(/^ {2}(?<name>\w+) /gm)) {
      const { name = '' } = declared.groups ?? {};
      if (name.length >= SHORTEST_NAME) continue;
      faults.push({ line: lineOf(text, block.index + declared.index), rule: 'short-name', text: name });
    }
  }
  return faults;
}

/** Allowed parameter names of only two letters, because those letters are a whole word. */
const PARAMETER_NAMES = new Set(['p_at', 'p_by', 'p_id']);

function parameterLists(text: string): { index: number; list: string }[] {
  return [...text.matchAll(/\bCREATE FUNCTION \w+\s*\((?<list>[^)]*)\)/g)].map((match) => ({
    index: match.index,
    list: match.groups?.['list'] ?? '',
  }));
}

/** The names of the input parameters. Output parameters are named like columns. */
function parameterNames(list: string): string[] {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith('OUT '))
    .map((part) => part.split(/\s+/)[0] ?? '');
}

/**
 * Replaces the comments with blanks, so that positions do not change. Two dashes inside a string do not begin a
 * comment.
 */
function withoutComments(sql: string): string {
  return sql.replaceAll(/'(?:[^']|'')*'|--[^\n]*/g, (part) =>
    part.startsWith('--') ? ' '.repeat(part.length) : part,
  );
}

function strings(text: string): { index: number; value: string }[] {
  return [...text.matchAll(/'(?<value>(?:[^']|'')*)'/g)].map((match) => ({
    index: match.index,
    value: match.groups?.['value'] ?? '',
  }));
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
