import { parseSync } from 'oxc-parser';

import { type Fault, lineOf, nodesUnder, parse, type SourceText } from './syntax.ts';

/** Words and phrases that are hard for a native reader, each with its replacement. */
const FORBIDDEN: readonly (readonly [words: RegExp, instead: string])[] = [
  [/\bfor ever\b/i, 'permanently'],
  [/\banew\b/i, 'again'],
  [/\bof whom\b/i, 'whose'],
  [/\bbeside\b/i, 'next to, in addition to, compared with'],
  [/\bnobody\b/i, 'name the actor, or use the passive'],
  [/\bsomebody\b/i, 'name the actor: a caller, a user, another tenant'],
  [/\bwhoever\b/i, 'name the actor'],
  [/\bwhomever\b/i, 'name the actor'],
  [/\bis none\b/i, 'is not a …, is invalid, does not exist'],
  [/\bunless told\b/i, 'by default'],
  [/\blast word\b/i, 'outcome, result'],
  [/\bin vain\b/i, 'failed'],
  [/\ball the same\b/i, 'anyway'],
  [/\bbefall/i, 'happen to'],
  [/\bmend/i, 'fix, repair'],
  [/\bstands? (?:in|beside|there|anywhere|by|behind)\b/i, 'is in, is next to, blocks'],
  [/\b(?:is|are|was|were) told\b/i, 'gets, receives, is notified'],
  [/\b(?:hears?|heard)\b/i, 'receives, records'],
  [/\bsays\b/i, 'a thing does not speak: contains, returns, reports, states'],
  [/\bsaid\b/i, 'decided, reported, given'],
  [/\bspeaks?\b/i, 'uses, supports'],
  [/\blook(?:s|ed)? at\b/i, 'reads, checks, evaluates'],
  [/\bonce more\b/i, 'again'],
  [/\bthe very\b/i, 'the exact, identical'],
];

/**
 * Reports each comment, and each string with spaces, that contains one of these words. Code in backticks is not
 * checked.
 */
export function wordFaults(source: SourceText): Fault[] {
  return prose(source).flatMap(({ text, line }) => {
    const plain = text.replaceAll(/`[^`]*`/g, '');
    return FORBIDDEN.flatMap(([words, instead]) => {
      const found = words.exec(plain)?.[0];
      if (found === undefined) return [];
      return [{ path: source.path, line, rule: 'plain-words', message: `"${found}": ${instead}` }];
    });
  });
}

function prose(source: SourceText): { readonly text: string; readonly line: number }[] {
  const { comments } = parseSync(source.path, source.text, { lang: 'ts', sourceType: 'module' });
  const fromComments = comments.map(({ value, start }) => ({
    text: value.replaceAll(/\s*\n\s*\*?\s*/g, ' '),
    line: source.text.slice(0, start).split('\n').length,
  }));
  const fromTexts = [...nodesUnder(parse(source))].flatMap((node) => {
    const text = textIn(node);
    return text?.includes(' ') === true ? [{ text, line: lineOf(source, node) }] : [];
  });
  return [...fromComments, ...fromTexts];
}

function textIn(node: Parameters<typeof lineOf>[1]): string | null {
  if (node.type === 'TemplateElement') return node.value.raw;
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : null;
}
