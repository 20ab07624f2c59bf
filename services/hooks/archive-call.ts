import { apiOf, authorization, type HookTarget, repositoryPath, type TargetCall } from './hook-target.ts';

/** Builds the request that downloads the source of a commit: the repository at that commit as a tar.gz. */
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
      // The fallback is never used, because the parser rejects a payload without a source URL.
      return sourceUrl ?? '';
  }
}
