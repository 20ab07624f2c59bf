import type { Json } from '@pointsman/protocol/json/canonical-json';
import { excessText, jsonExcess } from '@pointsman/protocol/json/json-bounds';
import { parseJson } from '../../compiler/parse/parse-json.ts';
import { firstInvalidByte, placeIn } from '../../compiler/parse/text-places.ts';
import { sourceBodyLimits } from '../limits.ts';
import type { RequestProblem } from '@pointsman/protocol/problem';
import { boundedProblems } from '../responses/problem.ts';

export type ReadJson =
  | { readonly kind: 'json'; readonly value: Json }
  | { readonly kind: 'malformed'; readonly errors: readonly RequestProblem[] };

/**
 * Parses a body as JSON in UTF-8 (RFC 8259, section 8.1), as strictly as I-JSON (RFC 7493) requires. Refuses text that two parsers could
 * interpret differently, such as a duplicate key, and reports the line and the column.
 */
export function readJson(bytes: Uint8Array, values: number): ReadJson {
  const text = decode(bytes);
  if (text === null)
    return malformed([{ in: 'body', ...firstInvalidByte(bytes), message: 'this byte is not UTF-8' }]);
  // Check the depth and the number of values before the JavaScript engine parses the text. The engine needs memory for each level and
  // value, and the validation needs memory for each value that it refuses.
  const bounds = { depth: sourceBodyLimits.jsonDepth, values };
  const excess = jsonExcess(text, bounds);
  if (excess !== null) {
    const message = excessText(excess, bounds);
    return malformed([{ in: 'body', ...placeIn(text)(excess.offset), message }]);
  }
  const { value, problems } = parseJson(text);
  if (problems.length === 0) return { kind: 'json', value };
  const place = placeIn(text);
  const reported = problems.slice(0, sourceBodyLimits.problems).map(({ pointer, message, offset }) => ({
    in: 'body' as const,
    pointer,
    ...place(offset ?? 0),
    message,
  }));
  return malformed(boundedProblems(reported));
}

function malformed(errors: readonly RequestProblem[]): ReadJson {
  return { kind: 'malformed', errors };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
