import { parseJson } from '../../../core/json/parse-json.ts';

/** JSON with a member a line, for reading and for comparing line by line. What is not JSON comes back as it is. */
export function prettyJson(text: string): string {
  const json = parseJson(text);
  return json.kind === 'json' ? `${JSON.stringify(json.value, null, 2)}\n` : text;
}
