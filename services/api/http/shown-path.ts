/**
 * Returns the path for responses and log lines, with every spelling of a capability removed. A capability allows its
 * holder to report for a release, so it must stay as secret as a token.
 */
export function shownPath(path: string): string {
  return path
    .replaceAll(/(callbacks\/+)[^/]+/gi, '$1{capability}')
    .replaceAll(/pmc(?:_|%5f)[^/]*/gi, '{capability}');
}
