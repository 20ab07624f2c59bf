import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import type { Integers, ParsedText, Problem } from './parsed-document.ts';
import { parseJson } from './parse-json.ts';
import { parseToml } from './parse-toml.ts';
import { parseYaml } from './parse-yaml.ts';
import { firstInvalidByte, placeIn } from './text-places.ts';

export type DocumentFormat = 'json' | 'yaml' | 'toml';

/**
 * The parsed value of a document, or its errors. `diagnose` converts an error that is found later, for example by
 * validation, to a diagnostic.
 */
export interface ParsedDocument extends ParsedText {
  readonly path: string;
  /**
   * Adds the line and the column of a problem. They are computed from the problem's offset, or from its pointer if
   * the offset is null.
   */
  readonly diagnose: (problem: Problem) => Diagnostic;
}

/**
 * Returns the format of a document by the extension of its path, in upper or lower case. Returns null if the file is
 * not a document.
 */
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
 * Parses a file. Never throws because of the content; errors are in `problems`.
 *
 * By default, an integer that a double can't represent exactly is an error, because the emitted document must keep
 * all digits. With `integers: 'nearest'`, such an integer becomes the nearest double. This option is for schemas.
 * They are not emitted, and other JavaScript validators also use the nearest double.
 */
export function parseDocument(
  path: string,
  format: DocumentFormat,
  bytes: Uint8Array,
  { integers = 'exact' }: ParseOptions = {},
): ParsedDocument {
  let text: string;
  try {
    // The decoder removes a byte order mark. All three formats allow one.
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
