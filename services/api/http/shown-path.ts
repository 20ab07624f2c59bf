/**
 * A path for responses and log lines, without a capability in any spelling. A capability allows reporting for a release, so it is kept as
 * secret as a token.
 */
export function shownPath(path: string): string {
  return path
    .replaceAll(/(callbacks\/+)[^/]+/gi, '$1{capability}')
    .replaceAll(/pmc(?:_|%5f)[^/]*/gi, '{capability}');
}
