import type { HookProvider } from '../../core/hook.ts';
import { readGeneric } from './generic.ts';
import { readGithub } from './github.ts';
import { readGitlab } from './gitlab.ts';
import type { Delivered } from './push.ts';

/** Reads what a provider delivered. Never throws, whatever the payload is. */
export function readDelivery(provider: HookProvider, event: string, payload: unknown): Delivered {
  switch (provider) {
    case 'github':
      return readGithub(event, payload);
    case 'gitlab':
      return readGitlab(event, payload);
    case 'generic':
      return readGeneric(payload);
  }
}

/** What the provider says that happened; a generic hook is told of pushes only. */
export function eventOf(provider: HookProvider, headers: Pick<Headers, 'get'>): string {
  switch (provider) {
    case 'github':
      return headers.get('x-github-event') ?? '';
    case 'gitlab':
      return headers.get('x-gitlab-event') ?? '';
    case 'generic':
      return 'push';
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
      return headers.get('webhook-id');
  }
}
