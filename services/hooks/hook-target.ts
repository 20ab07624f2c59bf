import type { HookProvider } from '@pointsman/protocol/hook';

/** The repository of a hook, with the credentials for it. */
export interface HookTarget {
  readonly provider: HookProvider;
  readonly repository: string;
  /** Null selects the provider's public API. A generic provider has no public API. */
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

/** The base URL of the provider's API, without a trailing slash. Null if there is no API. */
export function apiOf({ provider, apiUrl }: Pick<HookTarget, 'provider' | 'apiUrl'>): string | null {
  return (apiUrl ?? PUBLIC_API[provider])?.replace(/\/+$/, '') ?? null;
}

/** The repository as a path segment in the URLs of the provider's API. */
export function repositoryPath({ provider, repository }: HookTarget): string {
  return provider === 'gitlab' ? `/projects/${encodeURIComponent(repository)}` : `/repos/${repository}`;
}

/**
 * The authorization header, which is added only for the origin of the API. The source URL in a generic payload is
 * chosen by the sender, so it must not receive the token.
 */
export function authorization(target: HookTarget, url: string): Readonly<Record<string, string>> {
  const { provider, token } = target;
  const api = apiOf(target);
  if (token === null || api === null || new URL(api).origin !== new URL(url).origin) return {};
  return provider === 'gitlab' ? { 'private-token': token } : { authorization: `Bearer ${token}` };
}
