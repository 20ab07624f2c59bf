import type { CST } from 'yaml';
import { documentLimits } from '@pointsman/protocol/limits';

type Token = CST.Token;

/**
 * Returns the offset of the first map or list that is nested too deeply, or null. The function is not recursive,
 * because the tokens may be nested 10,000 deep.
 */
export function tooDeepAt(tokens: readonly Token[]): number | null {
  const waiting: { token: Token; depth: number }[] = [];
  for (const token of tokens)
    if (token.type === 'document' && token.value) waiting.push({ token: token.value, depth: 1 });
  let first: number | null = null;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { token, depth } = next;
    if (!('items' in token)) continue;
    if (depth > documentLimits.depth) {
      first = Math.min(first ?? token.offset, token.offset);
      continue;
    }
    for (const { key, value } of token.items) {
      if (key && 'items' in key) waiting.push({ token: key, depth: depth + 1 });
      if (value && 'items' in value) waiting.push({ token: value, depth: depth + 1 });
    }
  }
  return first;
}
