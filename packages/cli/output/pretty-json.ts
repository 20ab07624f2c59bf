import { parseJson } from '@pointsman/protocol/json/parse-json';

/**
 * Formats JSON with one member per line, for reading and for diffs by line. Returns text that is not JSON
 * unchanged.
 */
export function prettyJson(text: string): string {
  const json = parseJson(text);
  return json.kind === 'json' ? `${JSON.stringify(json.value, null, 2)}\n` : text;
}
