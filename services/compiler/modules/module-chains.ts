import { moduleLimits } from '../limits.ts';

/**
 * A comment or a string (`other`), the opening backtick of a template, a character that ends a chain, a keyword or
 * operator that may nest (`link`), or any other word. An unclosed comment or string ends with the text.
 */
const TOKEN =
  /(?<other>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\\n]|\\[^])*'?|"(?:[^"\\\n]|\\[^])*"?)|(?<template>`)|(?<end>[;,{}])|(?<link>\b(?:if|else|for|while|do|with|typeof|void|delete|new|await|yield|keyof|async|extends|as)\b|=>|\*\*|\?\.|[!~?=+\-*/%&|^<>:.@])|[\w$]+/g;

/**
 * The offset at which a chain of operators and keywords becomes too long: `else if`, `!!!`, `a=>a=>`, `a?b:`. Each
 * link nests the syntax tree one level deeper without a bracket. The bundler takes up to 60,000 bytes of memory for
 * each byte of such code. A comma, a semicolon or a brace ends a chain. In a template, only the code inside `${}`
 * counts.
 */
export function longChainAt(text: string): number | null {
  let links = 0;
  // For each open `${`, the number of open braces inside it.
  const substitutions: number[] = [];
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const { end, link, template } = token.groups ?? {};
    if (end !== undefined) links = 0;
    // A template counts as a link, because consecutive templates nest as tags.
    if ((link ?? template) !== undefined && ++links > moduleLimits.chain) return token.index;
    if (template !== undefined || closesSubstitution(substitutions, end)) {
      const { next, opens } = templateText(text, TOKEN.lastIndex);
      if (opens) substitutions.push(0);
      TOKEN.lastIndex = next;
    }
  }
  return null;
}

/** Skips the text of a template. Returns the offset where code continues, and whether that code is inside a `${`. */
function templateText(text: string, start: number): { next: number; opens: boolean } {
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '`') return { next: at + 1, opens: false };
    else if (character === '$' && text[at + 1] === '{') return { next: at + 2, opens: true };
  }
  return { next: text.length, opens: false };
}

/** Counts a brace inside the innermost `${`. Returns true, and removes the `${`, if this brace closes it. */
function closesSubstitution(substitutions: number[], end: string | undefined): boolean {
  const inside = substitutions.pop();
  if (inside === undefined) return false;
  if (end === '}' && inside === 0) return true;
  const change = (end === '{' ? 1 : 0) - (end === '}' ? 1 : 0);
  substitutions.push(inside + change);
  return false;
}
