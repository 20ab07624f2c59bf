import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { Integers, ParsedText, Problem } from './parsed-document.ts';
import { parseJson } from './parse-json.ts';
import { parseToml } from './parse-toml.ts';
import { parseYaml } from './parse-yaml.ts';
import { firstInvalidByte, placeIn } from './text-places.ts';

export type DocumentFormat = 'json' | 'yaml' | 'toml';

/** The value of a document, or its problems. `diagnose` converts later problems to diagnostics. */
export interface ParsedDocument extends ParsedText {
  readonly path: string;
  /** Adds the line and the column, which come from the problem's offset if it has one, otherwise from its pointer. */
  readonly diagnose: (problem: Problem) => Diagnostic;
}

/** The format of a document, from the file's extension in upper or lower case. Null if the file is not a document. */
export function formatOf(path: string): DocumentFormat | null {
  const ending = /\.(json|ya?ml|toml)$/i.exec(path)?.[1]?.toLowerCase();
  if (ending === 'yml') return 'yaml';
  return (ending as DocumentFormat | undefined) ?? null;
}

export interface ParseOptions {
  readonly integers?: Integers;
}

const parsers = { json: parseJson, yaml: parseYaml, toml: parseToml };

/**
 * Parses a file. Invalid content never makes it throw. An emitted document must keep all digits, so an integer that a double cannot
 * represent is a problem. A schema is only evaluated: with `integers: 'nearest'`, such an integer becomes the nearest double, as in any
 * JavaScript validator.
 */
export function parseDocument(
  path: string,
  format: DocumentFormat,
  bytes: Uint8Array,
  { integers = 'exact' }: ParseOptions = {},
): ParsedDocument {
  let text: string;
  try {
    // Removes a byte order mark, which all three formats allow or ignore.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return notUtf8(path, bytes);
  }
  const parsed = parsers[format](text, integers);
  let place: ReturnType<typeof placeIn> | null = null;
  const diagnose = ({ pointer, code, message, offset }: Problem): Diagnostic => {
    place ??= placeIn(text);
    return { path, ...place(offset ?? parsed.locate(pointer)), pointer, code, message };
  };
  return { ...parsed, path, diagnose };
}

function notUtf8(path: string, bytes: Uint8Array): ParsedDocument {
  const place = firstInvalidByte(bytes);
  const problem = { pointer: '', code: 'invalid_utf8', message: 'this byte is not valid UTF-8', offset: 0 };
  const diagnose = ({ pointer, code, message }: Problem): Diagnostic => ({
    path,
    ...place,
    pointer,
    code,
    message,
  });
  return { path, value: null, problems: [problem], locate: () => 0, diagnose };
}
