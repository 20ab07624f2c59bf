import { moduleLimits } from '../limits.ts';

/**
 * A comment, a string, the beginning of a template up to its first `${`, the end of a chain, a keyword or an operator that may nest, or any other
 * word. What is not closed ends with the text.
 */
const TOKEN =
  /(?<other>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\\n]|\\[^])*'?|"(?:[^"\\\n]|\\[^])*"?)|(?<template>`)|(?<end>[;,{}])|(?<link>\b(?:if|else|for|while|do|with|typeof|void|delete|new|await|yield|keyof|async|extends|as)\b|=>|\*\*|\?\.|[!~?=+\-*/%&|^<>:.@])|[\w$]+/g;

/**
 * Where a chain of operators and keywords gets too long: `else if`, `!!!`, `a=>a=>`, `a?b:`. Each link nests the syntax tree once without a
 * bracket. The bundler takes up to 60,000 bytes of memory for each byte of such code. A comma, a semicolon or a brace ends a chain. The text of a
 * template has no operators; what stands in its `${}` has.
 */
export function longChainAt(text: string): number | null {
  let links = 0;
  // For each `${` that is open, how many braces are open inside of it.
  const substitutions: number[] = [];
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const { end, link, template } = token.groups ?? {};
    if (end !== undefined) links = 0;
    // A template may have the one before it as its tag.
    if ((link ?? template) !== undefined && ++links > moduleLimits.chain) return token.index;
    if (template !== undefined || closesSubstitution(substitutions, end)) {
      const { next, opens } = templateText(text, TOKEN.lastIndex);
      if (opens) substitutions.push(0);
      TOKEN.lastIndex = next;
    }
  }
  return null;
}

/** Reads the text of a template up to its end or its next `${`: where the code goes on, and whether that is inside a `${`. */
function templateText(text: string, start: number): { next: number; opens: boolean } {
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '`') return { next: at + 1, opens: false };
    else if (character === '$' && text[at + 1] === '{') return { next: at + 2, opens: true };
  }
  return { next: text.length, opens: false };
}

/** Counts a brace inside of the innermost `${`. True for the one that closes it, which is then taken off. */
function closesSubstitution(substitutions: number[], end: string | undefined): boolean {
  const inside = substitutions.pop();
  if (inside === undefined) return false;
  if (end === '}' && inside === 0) return true;
  const change = (end === '{' ? 1 : 0) - (end === '}' ? 1 : 0);
  substitutions.push(inside + change);
  return false;
}
