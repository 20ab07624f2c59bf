import type { Logger } from 'pino';

import { cut } from '@pointsman/protocol/text/cut';
import { digestOf } from '@pointsman/protocol/digest';
import { PointsmanError } from '@pointsman/protocol/errors';
import { DeliveryId, type HookProvider } from '@pointsman/protocol/hook';
import { quotaError } from '@pointsman/protocol/quota';
import { webhookHeaders } from '@pointsman/protocol/webhooks/sign';
import type { DeliveryReader } from '../../hooks/delivery-reader.ts';
import { deliveryIdOf, eventOf } from '../../hooks/read-delivery.ts';
import type { AcceptedPush, RuleResult } from '../../hooks/rule.ts';
import { isSigned } from '../../hooks/signature.ts';
import type { Database } from '../../postgres/database.ts';
import {
  type DeliveryRecord,
  type ReceiveDelivery,
  receiveDelivery,
} from '../../postgres/hooks/deliveries.ts';
import type { HookRecord } from '../../postgres/hooks/hooks.ts';
import { type SecretBox, SecretLostError } from '../../secrets/secret-box.ts';

/** A hook delivery whose signature has not been verified yet. */
export interface Raw {
  readonly tenant: string;
  readonly hook: string;
  readonly headers: Pick<Headers, 'get'>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface Intake {
  readonly db: Database;
  readonly secrets: SecretBox;
  readonly reader: DeliveryReader;
  readonly log: Logger;
}

/** The maximum number of characters that a response quotes from a reason or from a name in the payload. */
const SHOWN_CHARS = 300;

/**
 * Returns the hook if the body is signed with its secret. Otherwise throws `not_signed`. Every cause of the refusal gets the same response
 * after the same amount of work. Neither the response nor its duration therefore reveals whether the hook exists. Only a sender that
 * exhausts the memory for bodies can detect that, because unknown hooks have separate memory limits ({@link deliveryShares}).
 */
export function authenticHook({ secrets, log }: Intake, found: HookRecord | null, raw: Raw): HookRecord {
  const { tenant, headers, body } = raw;
  const secret = openSecret(secrets, tenant, found, log);
  const signed = isSigned(found?.provider ?? 'github', secret ?? UNUSABLE_SECRET, { headers, body });
  if (found !== null && secret !== null && signed) return found;
  throw new PointsmanError(
    'not_signed',
    "The hook does not exist, or the delivery is not signed with its secret. Check the hook's address and secret at the provider.",
  );
}

/**
 * A secret that never matches, for unknown hooks. The signature is still computed with it, so that the response takes as long as for an
 * existing hook.
 */
const UNUSABLE_SECRET = 'not a valid secret, because it contains spaces';

function openSecret(
  secrets: SecretBox,
  tenant: string,
  found: HookRecord | null,
  log: Logger,
): string | null {
  try {
    if (found !== null) return secrets.open(found.secret, { tenant, hook: found.hook, field: 'secret' });
    secrets.open(secrets.seal(UNUSABLE_SECRET, DECOY), DECOY);
    return null;
  } catch (error) {
    if (!(error instanceof SecretLostError)) throw error;
    log.error(
      { tenant, hook: found?.hook, err: error },
      'the secret of a hook cannot be decrypted; set the secret again',
    );
    return null;
  }
}

const DECOY = { tenant: '', hook: '', field: 'secret' } as const;

export interface Received {
  readonly kind: 'accepted' | 'ignored';
  readonly delivery: DeliveryRecord;
  readonly replayed: boolean;
}

/**
 * Records an authenticated hook delivery. Returns the recorded delivery if it was already received. Throws if the payload is invalid or
 * belongs to another repository.
 */
export async function receive({ db, reader }: Intake, hook: HookRecord, raw: Raw): Promise<Received> {
  const { provider, bundle, channel, path } = hook;
  const id = deliveryId(provider, raw.headers);
  // Compute the digest before the body is transferred to the parsing thread, because the body is not accessible here afterwards.
  const fingerprint = digestOf(raw.body);
  const ruling = await readPush(reader, hook, raw);
  if (ruling.kind === 'unknown_repository') {
    const detail = `The hook is for the repository ${hook.repository}, but the push is from ${cut(ruling.repository, SHOWN_CHARS)}.`;
    throw new PointsmanError('unknown_repository', detail);
  }
  const answer = await receiveDelivery(db, {
    tenant: raw.tenant,
    hook: hook.hook,
    delivery: id,
    fingerprint,
    provider,
    path,
    bundle,
    channel,
    ...(ruling.kind === 'push' ? pushFacts(ruling.push, hook) : ignoredFacts(ruling.why)),
    at: Date.now(),
  });
  if (answer.kind === 'key_reused') {
    const detail = `The delivery "${id}" was received before with a different payload.`;
    throw new PointsmanError('idempotency_key_reused', detail);
  }
  if (answer.kind === 'quota_exceeded') throw quotaError(answer);
  const { delivery } = answer;
  const kind = delivery.state === 'ignored' ? 'ignored' : 'accepted';
  return { kind, delivery, replayed: answer.kind === 'replayed' };
}

/** The fields of a delivery's payload that are stored. */
type Facts = Pick<
  ReceiveDelivery,
  'repository' | 'ref' | 'commit' | 'subject' | 'sourceUrl' | 'pushedAt' | 'ignored'
>;

function pushFacts(
  { ref, commit, subject, sourceUrl, pushedAt }: AcceptedPush,
  { repository }: HookRecord,
): Facts {
  return { repository, ref, commit, subject, sourceUrl, pushedAt, ignored: null };
}

function ignoredFacts(why: string): Facts {
  const nothing = {
    repository: null,
    ref: null,
    commit: null,
    subject: null,
    sourceUrl: null,
    pushedAt: null,
  };
  return { ...nothing, ignored: cut(why, SHOWN_CHARS) };
}

const ID_HEADERS: Readonly<Record<HookProvider, string>> = {
  github: 'X-GitHub-Delivery',
  gitlab: 'Idempotency-Key or X-Gitlab-Event-UUID',
  generic: webhookHeaders.id,
};

function deliveryId(provider: HookProvider, headers: Raw['headers']): string {
  const parsed = DeliveryId.safeParse(deliveryIdOf(provider, headers));
  if (parsed.success) return parsed.data;
  throw new PointsmanError(
    'malformed',
    `The header ${ID_HEADERS[provider]} is missing or invalid. It must identify the delivery.`,
  );
}

async function readPush(
  reader: DeliveryReader,
  { provider, repository, ref, path }: HookRecord,
  { tenant, headers, body: bytes }: Raw,
): Promise<RuleResult> {
  const type = (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new PointsmanError(
      'unsupported_media_type',
      "The content type must be application/json. Change it in the provider's webhook settings.",
    );
  }
  const event = eventOf(provider, headers);
  const rule = { provider, repository, ref, path };
  const judged = await reader.read(tenant, { provider, event, rule, bytes });
  switch (judged.kind) {
    case 'malformed':
      throw new PointsmanError('malformed', 'The payload is not valid JSON.');
    case 'unreadable':
      throw new PointsmanError(
        'invalid_request',
        `The payload is not a valid ${provider} push: ${judged.problem}`,
      );
    default:
      return judged;
  }
}
