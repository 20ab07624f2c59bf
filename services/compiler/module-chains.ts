import { moduleLimits } from './limits.ts';

/** A comment, a string, a number, the end of a chain, a keyword or an operator that may nest, or any other word. What is not closed ends with the text. */
const TOKEN =
  /(?<other>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^'\\\n]|\\[^])*'?|"(?:[^"\\\n]|\\[^])*"?)|(?<end>[;,{}])|(?<link>\b(?:if|else|for|while|do|with|typeof|void|delete|new|await|yield|keyof|async|extends|as)\b|=>|\*\*|\?\.|[!~?=+\-*/%&|^<>:.`@])|[\w$]+/g;

/**
 * Where a chain of operators and keywords gets too long: `else if`, `!!!`, `a=>a=>`, `a?b:`. Each link nests the syntax tree once without a
 * bracket. The bundler takes up to 60,000 bytes of memory for each byte of such code. A comma, a semicolon or a brace ends a chain.
 */
export function longChainAt(text: string): number | null {
  let links = 0;
  for (const { index, groups } of text.matchAll(TOKEN)) {
    if (groups?.['end'] !== undefined) links = 0;
    else if (groups?.['link'] !== undefined && ++links > moduleLimits.chain) return index;
  }
  return null;
}
