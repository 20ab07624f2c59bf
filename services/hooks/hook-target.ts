import type { HookProvider } from '@pointsman/protocol/hook';

/** The repository of a hook, and the credentials for the provider's API. */
export interface HookTarget {
  readonly provider: HookProvider;
  readonly repository: string;
  /**
   * The base URL of the provider's API. Null selects the public API of GitHub or GitLab. A generic provider has no
   * public API.
   */
  readonly apiUrl: string | null;
  readonly token: string | null;
}

/** The URL and the headers of a request to a Git provider. */
export interface TargetCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const PUBLIC_API: Readonly<Record<HookProvider, string | null>> = {
  github: 'https://api.github.com',
  gitlab: 'https://gitlab.com/api/v4',
  generic: null,
};

/** Returns the base URL of the provider's API without a trailing slash, or null if there is no API. */
export function apiOf({ provider, apiUrl }: Pick<HookTarget, 'provider' | 'apiUrl'>): string | null {
  return (apiUrl ?? PUBLIC_API[provider])?.replace(/\/+$/, '') ?? null;
}

/** Returns the path of the repository in the provider's API. */
export function repositoryPath({ provider, repository }: HookTarget): string {
  return provider === 'gitlab' ? `/projects/${encodeURIComponent(repository)}` : `/repos/${repository}`;
}

/**
 * Returns the authorization header if the URL has the same origin as the provider's API. Otherwise returns no header.
 * In a generic payload the sender chooses the source URL, so that URL must not receive the token.
 */
export function authorization(target: HookTarget, url: string): Readonly<Record<string, string>> {
  const { provider, token } = target;
  const api = apiOf(target);
  if (token === null || api === null || new URL(api).origin !== new URL(url).origin) return {};
  return provider === 'gitlab' ? { 'private-token': token } : { authorization: `Bearer ${token}` };
}
