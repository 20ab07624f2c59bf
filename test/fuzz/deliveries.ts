import { randomUUID } from 'node:crypto';

import { signatureHeaders } from '../../services/webhooks/sign.ts';
import { hostileDocuments } from '../support/hostile-values.ts';
import type { Random } from '../support/seeded-random.ts';
import { pick } from './random.ts';

const PUSH = {
  repository: 'bot',
  ref: 'refs/heads/main',
  commit: 'r1',
  sourceUrl: 'https://host.example/a.tgz',
  paths: ['config/a.json'],
  message: 'why',
};
const PAYLOADS = [...hostileDocuments(PUSH)];

export interface Delivery {
  readonly kind: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What arrives at a hook: signed well with a hostile payload, or not signed well. */
export function hostileDelivery(random: Random, secret: string): Delivery {
  const body = random() < 0.05 ? `{"paths":[${'0,'.repeat(20_000)}0]}` : pick(random, PAYLOADS);
  const timestamp = Math.floor(Date.now() / 1_000);
  const json = { 'content-type': 'application/json' };
  const signed = (claim: { id: string; timestamp: number; body: string }) => ({
    ...json,
    ...signatureHeaders(claim, [secret]),
  });
  if (random() < 0.6) return { kind: 'signed', headers: signed({ id: randomUUID(), timestamp, body }), body };
  return pick(random, [
    {
      kind: 'of an old time',
      headers: signed({ id: randomUUID(), timestamp: timestamp - 3_600, body }),
      body,
    },
    { kind: 'of another body', headers: signed({ id: randomUUID(), timestamp, body: 'x' }), body },
    { kind: 'without a signature', headers: json, body },
    { kind: 'of a provider that the hook is not for', headers: { ...json, 'x-github-event': 'push' }, body },
    {
      kind: 'with a signature that is none',
      headers: { ...json, 'webhook-id': 'x', 'webhook-timestamp': '1e3', 'webhook-signature': 'v1,====' },
      body,
    },
  ]);
}
