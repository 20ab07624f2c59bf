import { Ajv } from 'ajv';

/** Ajv's own resolver, so that this code and Ajv always resolve a reference to the same URI. */
const { uriResolver } = new Ajv({ meta: false, logger: false }).opts;

/** Files have URIs with a private scheme that no loader can fetch. */
const ROOT = 'pointsman://source/';

export function uriOfPath(path: string): string {
  return ROOT + path.split('/').map(encodeURIComponent).join('/');
}

/** The inverse of {@link uriOfPath}. Null for any other URI. */
export function pathOfUri(uri: string): string | null {
  if (!uri.startsWith(ROOT)) return null;
  try {
    return decodeURIComponent(uri.slice(ROOT.length));
  } catch {
    return null;
  }
}

/** The absolute URI of a reference, resolved against the base, without the fragment. */
export function resolve(base: string, ref: string): string {
  const [bare = ''] = uriResolver.resolve(base, ref).split('#');
  return bare;
}
