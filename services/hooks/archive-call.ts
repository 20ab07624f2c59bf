import { apiOf, authorization, type HookTarget, repositoryPath, type TargetCall } from './hook-target.ts';

/** Builds the request for the source of a commit: a tar.gz of the repository at that commit. */
export function archiveCall(
  target: HookTarget,
  push: { readonly commit: string; readonly sourceUrl: string | null },
): TargetCall {
  const url = archiveUrl(target, push);
  return { url, headers: { accept: '*/*', ...authorization(target, url) } };
}

function archiveUrl(
  target: HookTarget,
  { commit, sourceUrl }: { readonly commit: string; readonly sourceUrl: string | null },
): string {
  const at = `${apiOf(target)}${repositoryPath(target)}`;
  switch (target.provider) {
    case 'github':
      return `${at}/tarball/${commit}`;
    case 'gitlab':
      return `${at}/repository/archive.tar.gz?sha=${encodeURIComponent(commit)}`;
    case 'generic':
      // Parsing rejects a payload without a source URL, so the fallback is never used.
      return sourceUrl ?? '';
  }
}
