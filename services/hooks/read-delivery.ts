import type { HookProvider } from '@pointsman/protocol/hook';
import { webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import { readGeneric } from './generic.ts';
import { readGithub } from './github.ts';
import { readGitlab } from './gitlab.ts';
import type { Delivered } from './push.ts';

/** Parses a delivery in the format of its provider. Never throws, for any payload. */
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

/** The name of the event, as the provider sends it. A generic hook receives only pushes. */
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
 * The ID by which the provider identifies this delivery; null if it sends none. GitLab's idempotency key is the same
 * for every retry of a delivery. Older GitLab versions send only the event UUID, which differs between retries and is
 * shared by all hooks of the event.
 */
export function deliveryIdOf(provider: HookProvider, headers: Pick<Headers, 'get'>): string | null {
  switch (provider) {
    case 'github':
      return headers.get('x-github-delivery');
    case 'gitlab':
      return headers.get('idempotency-key') ?? headers.get('x-gitlab-event-uuid');
    case 'generic':
      return headers.get(webhookHeaders.id);
  }
}
