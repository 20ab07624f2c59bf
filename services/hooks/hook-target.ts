import type { HookProvider } from '@pointsman/protocol/hook';

/** The repository of a hook, and the credentials for it. */
export interface HookTarget {
  readonly provider: HookProvider;
  readonly repository: string;
  /** Null means the provider's public API. A generic provider has none. */
  readonly apiUrl: string | null;
  readonly token: string | null;
}

/** The URL and headers of an outgoing call. */
export interface TargetCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const PUBLIC_API: Readonly<Record<HookProvider, string | null>> = {
  github: 'https://api.github.com',
  gitlab: 'https://gitlab.com/api/v4',
  generic: null,
};

/** The base URL of the provider's API for the repository, without a trailing slash. Null without an API. */
export function apiOf({ provider, apiUrl }: Pick<HookTarget, 'provider' | 'apiUrl'>): string | null {
  return (apiUrl ?? PUBLIC_API[provider])?.replace(/\/+$/, '') ?? null;
}

/** The repository as a path of the API's URLs. */
export function repositoryPath({ provider, repository }: HookTarget): string {
  return provider === 'gitlab' ? `/projects/${encodeURIComponent(repository)}` : `/repos/${repository}`;
}

/**
 * The authorization header, only for the API's own origin. A generic payload contains its own source URL,
 * which must not receive the token.
 */
export function authorization(target: HookTarget, url: string): Readonly<Record<string, string>> {
  const { provider, token } = target;
  const api = apiOf(target);
  if (token === null || api === null || new URL(api).origin !== new URL(url).origin) return {};
  return provider === 'gitlab' ? { 'private-token': token } : { authorization: `Bearer ${token}` };
}
