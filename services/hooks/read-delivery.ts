import type { HookProvider } from '../../core/hook.ts';
import { readGeneric } from './generic.ts';
import { readGithub } from './github.ts';
import { readGitlab } from './gitlab.ts';
import type { Delivered } from './push.ts';

/** What a provider delivers, from its headers and its payload. Never throws, whatever the payload is. */
export function readDelivery(
  provider: HookProvider,
  headers: Pick<Headers, 'get'>,
  payload: unknown,
): Delivered {
  switch (provider) {
    case 'github':
      return readGithub(headers.get('x-github-event') ?? '', payload);
    case 'gitlab':
      return readGitlab(headers.get('x-gitlab-event') ?? '', payload);
    case 'generic':
      return readGeneric(payload);
  }
}

/**
 * By what the provider knows this delivery again; null where it does not say. GitLab's key is the same for every retry of one delivery; the
 * event's, which older ones send alone, is another for each, and the same for what one event sets off.
 */
export function deliveryIdOf(provider: HookProvider, headers: Pick<Headers, 'get'>): string | null {
  switch (provider) {
    case 'github':
      return headers.get('x-github-delivery');
    case 'gitlab':
      return headers.get('idempotency-key') ?? headers.get('x-gitlab-event-uuid');
    case 'generic':
      return headers.get('x-pointsman-delivery');
  }
}
