import type { HookProvider } from '@pointsman/protocol/hook';
import { webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import { readGeneric } from './generic.ts';
import { readGithub } from './github.ts';
import { readGitlab } from './gitlab.ts';
import type { Delivered } from './push.ts';

/** Parses a payload in the format of the provider. Never throws because of the payload. */
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

/** Returns the provider's name of the event. A generic hook receives only pushes. */
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
 * Returns the provider's ID of the delivery, or null if the request has no ID.
 *
 * GitLab's idempotency key is the same for all retries of a delivery. Older GitLab versions send only the event UUID.
 * It is less suitable, because it changes with each retry and is the same for all hooks of an event.
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
