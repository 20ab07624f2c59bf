/** One file of a bundle. */
export interface BundleFile {
  readonly content: Uint8Array;
  readonly mediaType: string;
}

/** A whole artifact in memory, checked: shared by everybody in the process who runs it, so that nobody may write into it. */
export interface BundleContent {
  readonly digest: string;
  readonly files: ReadonlyMap<string, BundleFile>;
  /** The file, parsed once and frozen; undefined where there is none. Throws SyntaxError for a file that is not JSON. */
  readonly json: (path: string) => unknown;
  /** The file as UTF-8; undefined where there is none. */
  readonly text: (path: string) => string | undefined;
}

/** What a pointer named at one generation. It never changes: whoever holds it keeps it, whatever moves later. */
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
    // Not by way of `text`, which would keep every document twice.
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

/** As a reviver: from the leaves up, so that what was parsed is frozen to its depths. */
function freeze(_key: string, value: unknown): unknown {
  return Object.freeze(value);
}
