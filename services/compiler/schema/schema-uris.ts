import { Ajv } from 'ajv';

/** What the compiler of schemas resolves references with; used here too, so that both always mean the same URI. */
const { uriResolver } = new Ajv({ meta: false, logger: false }).opts;

/** Files have URIs of a scheme of our own, which no loader anywhere could fetch. */
const ROOT = 'pointsman://source/';

export function uriOfPath(path: string): string {
  return ROOT + path.split('/').map(encodeURIComponent).join('/');
}

/** The inverse of {@link uriOfPath}; null for any other URI. */
export function pathOfUri(uri: string): string | null {
  if (!uri.startsWith(ROOT)) return null;
  try {
    return decodeURIComponent(uri.slice(ROOT.length));
  } catch {
    return null;
  }
}

/** The absolute URI that a reference means at a base, without its fragment. */
export function resolve(base: string, ref: string): string {
  const [bare = ''] = uriResolver.resolve(base, ref).split('#');
  return bare;
}
