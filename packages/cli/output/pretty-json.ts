import { parseJson } from '@pointsman/protocol/json/parse-json';

/** JSON with one member a line, for reading and for line diffs. Text that is not JSON is returned unchanged. */
export function prettyJson(text: string): string {
  const json = parseJson(text);
  return json.kind === 'json' ? `${JSON.stringify(json.value, null, 2)}\n` : text;
}
