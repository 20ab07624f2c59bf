import { HookProvider } from '../../packages/protocol/hook.ts';
import { signatureHeaders } from '../../packages/protocol/webhooks/sign.ts';
import { hostileDocuments } from '../support/data/hostile-values.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { type SignedPush, signedPushes } from '../support/data/signed-pushes.ts';
import type { Outside } from './outside.ts';
import { pick } from './random.ts';

export interface Delivery {
  readonly provider: HookProvider;
  readonly kind: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

let pushes: Readonly<Record<HookProvider, SignedPush>> | null = null;
const payloads = new Map<HookProvider, readonly string[]>();

/** A delivery to a provider's hook. Its signature is valid or invalid, and its payload is valid or hostile. */
export function hostileDelivery(random: Random, { host }: Outside, secret: string): Delivery {
  pushes ??= signedPushes(`${host.archives}/r1.tgz`);
  const provider = pick(random, HookProvider.options);
  const push = pushes[provider];
  const hostile = payloads.get(provider) ?? [...hostileDocuments(push.payload)];
  payloads.set(provider, hostile);
  const json = { 'content-type': 'application/json' };
  if (random() < 0.75) {
    const body = signedBody(random, JSON.stringify(push.payload), hostile);
    return { provider, kind: 'signed', headers: { ...json, ...push.headers(secret, body) }, body };
  }
  const body = pick(random, hostile);
  const [kind, headers] = pick(random, UNSIGNED)(push, secret, body);
  return { provider, kind, headers: { ...json, ...headers }, body };
}

function signedBody(random: Random, right: string, hostile: readonly string[]): string {
  const chosen = random();
  if (chosen < 0.15) return right;
  return chosen < 0.2 ? manyValues(right) : pick(random, hostile);
}

/** Adds 20,000 values to the payload, in a field that providers do not send. */
function manyValues(json: string): string {
  return `${json.slice(0, -1)},"values":[${'0,'.repeat(20_000)}0]}`;
}

type Unsigned = (push: SignedPush, secret: string, body: string) => [kind: string, Record<string, string>];

const UNSIGNED: readonly Unsigned[] = [
  ({ headers }, secret) => ['of another body', headers(secret, 'x')],
  ({ headers }, _secret, body) => [
    'with another secret',
    headers('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', body),
  ],
  () => ['without a signature', {}],
  () => ['of a provider that the hook may not be for', { 'x-github-event': 'push' }],
  (_push, secret, body) => [
    'of an old time',
    signatureHeaders({ id: 'x', timestamp: Math.floor(Date.now() / 1_000) - 3_600, body }, [secret]),
  ],
  () => [
    'with a signature that is not one',
    { 'webhook-id': 'x', 'webhook-timestamp': '1e3', 'webhook-signature': 'v1,====' },
  ],
];
