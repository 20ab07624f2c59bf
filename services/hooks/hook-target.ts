import type { HookProvider } from '../../core/hook.ts';

/** Where a hook's repository is, and who we are there. */
export interface HookTarget {
  readonly provider: HookProvider;
  readonly repository: string;
  /** Null for the provider's own; a generic one has none of its own. */
  readonly apiUrl: string | null;
  readonly token: string | null;
}

/** What an outgoing call is made of. */
export interface TargetCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const PUBLIC_API: Readonly<Record<HookProvider, string | null>> = {
  github: 'https://api.github.com',
  gitlab: 'https://gitlab.com/api/v4',
  generic: null,
};

/** The provider's API for that repository, without a slash at its end; null where there is none. */
export function apiOf({ provider, apiUrl }: Pick<HookTarget, 'provider' | 'apiUrl'>): string | null {
  return (apiUrl ?? PUBLIC_API[provider])?.replace(/\/+$/, '') ?? null;
}

/** The repository as a part of the API's addresses. */
export function repositoryPath({ provider, repository }: HookTarget): string {
  return provider === 'gitlab' ? `/projects/${encodeURIComponent(repository)}` : `/repos/${repository}`;
}

/** The token, for the API's own origin. A generic payload chooses its source's address, and must not choose who is told the token. */
export function authorization(target: HookTarget, url: string): Readonly<Record<string, string>> {
  const { provider, token } = target;
  const api = apiOf(target);
  if (token === null || api === null || new URL(api).origin !== new URL(url).origin) return {};
  return provider === 'gitlab' ? { 'private-token': token } : { authorization: `Bearer ${token}` };
}
