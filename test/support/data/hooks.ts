import { randomUUID } from 'node:crypto';

import { digestOf } from '../../../packages/protocol/digest.ts';
import type { DeliveryName, Origin } from '../../../packages/protocol/hook.ts';
import type { Database } from '../../../services/postgres/database.ts';
import { receiveDelivery, type ReceiveDelivery } from '../../../services/postgres/hooks/deliveries.ts';
import { putHook, type PutHook } from '../../../services/postgres/hooks/hooks.ts';

export const REPOSITORY = 'octo/bot';

/** Stores a hook that reports commit statuses. Its secrets are arbitrary strings, because no test decrypts them. */
export async function setHook(db: Database, tenant: string, over: Partial<PutHook> = {}) {
  return putHook(db, {
    tenant,
    hook: 'main',
    provider: 'github',
    repository: REPOSITORY,
    ref: 'refs/heads/main',
    path: null,
    bundle: 'bundle',
    channel: 'live',
    createChannel: true,
    apiUrl: null,
    secret: 'sealed secret',
    token: 'sealed token',
    dropToken: false,
    by: 'ann',
    idempotencyKey: randomUUID(),
    fingerprint: digestOf(randomUUID()),
    requestId: 'request',
    at: Date.now(),
    ...over,
  });
}

/** Stores a push to that hook, as the API does. */
export async function receive(
  db: Database,
  name: DeliveryName,
  over: Partial<ReceiveDelivery> = {},
): ReturnType<typeof receiveDelivery> {
  return receiveDelivery(db, {
    ...name,
    fingerprint: digestOf(name.delivery),
    provider: 'github',
    repository: REPOSITORY,
    ref: 'refs/heads/main',
    commit: commitOf(name.delivery),
    subject: 'A kinder greeting',
    sourceUrl: null,
    pushedAt: null,
    path: null,
    bundle: 'bundle',
    channel: 'live',
    ignored: null,
    at: Date.now(),
    ...over,
  });
}

/** Creates a commit id that depends only on the text. */
export function commitOf(text: string): string {
  return digestOf(text).slice('sha256:'.length, 'sha256:'.length + 40);
}

export function originOf({ hook, delivery }: DeliveryName): Origin {
  return { hook, delivery, repository: REPOSITORY, ref: 'refs/heads/main', commit: commitOf(delivery) };
}
