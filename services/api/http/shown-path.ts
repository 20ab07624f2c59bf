/**
 * A path as it may be repeated in an answer or a log line: without what stands where a capability does, however it was spelled. Whoever has
 * one may answer for a release, so that it is kept as a token is.
 */
export function shownPath(path: string): string {
  return path
    .replaceAll(/(callbacks\/+)[^/]+/gi, '$1{capability}')
    .replaceAll(/pmc(?:_|%5f)[^/]*/gi, '{capability}');
}
