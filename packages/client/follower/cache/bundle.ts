export interface BundleFile {
  readonly content: Uint8Array;
  readonly mediaType: string;
}

/**
 * A complete, verified artifact in memory. All its users in the process share this object, so it is
 * read-only.
 */
export interface BundleContent {
  readonly digest: string;
  readonly files: ReadonlyMap<string, BundleFile>;
  /**
   * Returns the JSON value of a file. Returns undefined if the file does not exist. The value is parsed only
   * once and is deeply frozen. Throws SyntaxError if the file is not JSON.
   */
  readonly json: (path: string) => unknown;
  /** Returns the text of a file, decoded as UTF-8. Returns undefined if the file does not exist. */
  readonly text: (path: string) => string | undefined;
}

/**
 * The artifact to which a pointer pointed at one generation. The object never changes, even if the pointer
 * moves later.
 */
export interface Bundle extends BundleContent {
  readonly generation: number;
  readonly version: number;
}

export function bundleContent(digest: string, files: ReadonlyMap<string, BundleFile>): BundleContent {
  const parsed = new Map<string, unknown>();
  const texts = new Map<string, string>();
  const text = (path: string): string | undefined => {
    const known = texts.get(path);
    if (known !== undefined) return known;
    const file = files.get(path);
    if (file === undefined) return undefined;
    const decoded = new TextDecoder().decode(file.content);
    texts.set(path, decoded);
    return decoded;
  };
  const parse = (path: string): unknown => {
    const file = files.get(path);
    if (file === undefined) return undefined;
    // The file is decoded here instead of by `text`, because `text` would keep the decoded copy of every
    // document in memory.
    const value: unknown = JSON.parse(new TextDecoder().decode(file.content), freeze);
    parsed.set(path, value);
    return value;
  };
  return Object.freeze({
    digest,
    files,
    json: (path: string) => parsed.get(path) ?? parse(path),
    text,
  });
}

export function bundleAt(
  { generation, version }: Pick<Bundle, 'generation' | 'version'>,
  content: BundleContent,
): Bundle {
  return Object.freeze({ generation, version, ...content });
}

/**
 * A reviver for JSON.parse that freezes each value. JSON.parse calls it for inner values first, so the result
 * is deeply frozen.
 */
function freeze(_key: string, value: unknown): unknown {
  return Object.freeze(value);
}
