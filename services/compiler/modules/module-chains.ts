import { moduleLimits } from '../limits.ts';

/**
 * Matches one token. The group `other` is a comment or a string, which ends with the text if it is not closed.
 * `template` is the opening backtick of a template, and `end` is a character that ends a chain. `link` is a keyword
 * or an operator that may nest. A match without a group is any other word.
 */
const TOKEN =
  /(?<other>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\\n]|\\[^])*'?|"(?:[^"\\\n]|\\[^])*"?)|(?<template>`)|(?<end>[;,{}])|(?<link>\b(?:if|else|for|while|do|with|typeof|void|delete|new|await|yield|keyof|async|extends|as)\b|=>|\*\*|\?\.|[!~?=+\-*/%&|^<>:.@])|[\w$]+/g;

/**
 * Returns the offset at which a chain of operators and keywords exceeds `moduleLimits.chain`, or null. Examples of
 * chains are `else if`, `!!!`, `a=>a=>` and `a?b:`. Each link of a chain nests the syntax tree one level deeper
 * without a bracket. The bundler takes up to 60,000 bytes of memory for each byte of such code. A comma, a semicolon
 * or a brace ends a chain. In a template, only the code inside `${}` counts.
 */
export function longChainAt(text: string): number | null {
  let links = 0;
  // The number of open braces inside each open `${`, from the outermost `${` to the innermost.
  const substitutions: number[] = [];
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const { end, link, template } = token.groups ?? {};
    if (end !== undefined) links = 0;
    // A template counts as a link. If several templates follow each other, each of them is a tagged call of the
    // expression before it, so the calls nest.
    if ((link ?? template) !== undefined && ++links > moduleLimits.chain) return token.index;
    if (template !== undefined || closesSubstitution(substitutions, end)) {
      const { next, opens } = templateText(text, TOKEN.lastIndex);
      if (opens) substitutions.push(0);
      TOKEN.lastIndex = next;
    }
  }
  return null;
}

/**
 * Skips the text of a template. Returns the offset where code continues. `opens` is true if this code is inside a
 * `${`.
 */
function templateText(text: string, start: number): { next: number; opens: boolean } {
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '`') return { next: at + 1, opens: false };
    else if (character === '$' && text[at + 1] === '{') return { next: at + 2, opens: true };
  }
  return { next: text.length, opens: false };
}

/** Updates the brace count of the innermost `${`. Returns true if the token is the brace that closes this `${`. */
function closesSubstitution(substitutions: number[], end: string | undefined): boolean {
  const inside = substitutions.pop();
  if (inside === undefined) return false;
  if (end === '}' && inside === 0) return true;
  const change = (end === '{' ? 1 : 0) - (end === '}' ? 1 : 0);
  substitutions.push(inside + change);
  return false;
}
