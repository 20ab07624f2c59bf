/**
 * Returns the path without capabilities, for responses and log lines. A capability is the secret part of a callback URL, with which its
 * holder can report a result for a release. Capabilities in an unusual spelling are removed too.
 */
export function shownPath(path: string): string {
  return path
    .replaceAll(/(callbacks\/+)[^/]+/gi, '$1{capability}')
    .replaceAll(/pmc(?:_|%5f)[^/]*/gi, '{capability}');
}
