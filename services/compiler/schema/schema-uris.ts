import { Ajv } from 'ajv';

/** The URI resolver of Ajv. It is used here so that this code and Ajv resolve a reference to the same URI. */
const { uriResolver } = new Ajv({ meta: false, logger: false }).opts;

/** The base URI of the source's files. It has a private scheme, so that a schema can't be fetched from it. */
const ROOT = 'pointsman://source/';

export function uriOfPath(path: string): string {
  return ROOT + path.split('/').map(encodeURIComponent).join('/');
}

/** Returns the path of a file's URI, as created by {@link uriOfPath}. Returns null for any other URI. */
export function pathOfUri(uri: string): string | null {
  if (!uri.startsWith(ROOT)) return null;
  try {
    return decodeURIComponent(uri.slice(ROOT.length));
  } catch {
    return null;
  }
}

/** Resolves a reference against a base URI. Returns the absolute URI without a fragment. */
export function resolve(base: string, ref: string): string {
  const [bare = ''] = uriResolver.resolve(base, ref).split('#');
  return bare;
}
