import type { Logger } from 'pino';

import { cut } from '../../../core/cut.ts';
import { digestOf } from '../../../core/digest.ts';
import { PointsmanError } from '../../../core/errors.ts';
import { DeliveryId, type HookProvider } from '../../../core/hook.ts';
import { quotaError } from '../../../core/quota.ts';
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

/** What was delivered, before anything of it is believed. */
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

/** How long a reason or a name from outside may get in an answer. */
const TOLD_CHARS = 300;

/**
 * The hook that was found, when its secret has signed that body. Otherwise throws `not_signed`: the same response after the same work,
 * whatever was wrong, so that neither the response nor its time shows whether there is such a hook. A sender that fills the shares of bodies
 * can still find out, since unknown hooks have a share of their own ({@link deliveryShares}).
 */
export function authenticHook({ secrets, log }: Intake, found: HookRecord | null, raw: Raw): HookRecord {
  const { tenant, headers, body } = raw;
  const secret = openSecret(secrets, tenant, found, log);
  const signed = isSigned(found?.provider ?? 'github', secret ?? NOBODYS, { headers, body });
  if (found !== null && secret !== null && signed) return found;
  throw new PointsmanError('not_signed', 'This is not signed with the secret of a hook that is here.');
}

/** Signs nothing: the check against it is made for the time that it takes. */
const NOBODYS = 'nobody has this secret, since a space is in it';

function openSecret(
  secrets: SecretBox,
  tenant: string,
  found: HookRecord | null,
  log: Logger,
): string | null {
  try {
    if (found !== null) return secrets.open(found.secret, { tenant, hook: found.hook, field: 'secret' });
    secrets.open(secrets.seal(NOBODYS, DECOY), DECOY);
    return null;
  } catch (error) {
    if (!(error instanceof SecretLostError)) throw error;
    log.error({ tenant, hook: found?.hook, err: error }, 'a hook’s secret is lost: set it again');
    return null;
  }
}

const DECOY = { tenant: '', hook: '', field: 'secret' } as const;

export interface Received {
  readonly kind: 'accepted' | 'ignored';
  readonly delivery: DeliveryRecord;
  readonly replayed: boolean;
}

/** Puts an authentic delivery on record, or finds it there. Throws for what can't be read, and for another repository's. */
export async function receive({ db, reader }: Intake, hook: HookRecord, raw: Raw): Promise<Received> {
  const { provider, bundle, channel, path } = hook;
  const id = deliveryId(provider, raw.headers);
  // The thread takes the body over.
  const fingerprint = digestOf(raw.body);
  const ruling = await readPush(reader, hook, raw);
  if (ruling.kind === 'unknown_repository') {
    const detail = `The hook is for ${hook.repository}, and this is ${cut(ruling.repository, TOLD_CHARS)}.`;
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
    const detail = `The delivery "${id}" came with another payload before.`;
    throw new PointsmanError('idempotency_key_reused', detail);
  }
  if (answer.kind === 'quota_exceeded') throw quotaError(answer);
  const { delivery } = answer;
  const kind = delivery.state === 'ignored' ? 'ignored' : 'accepted';
  return { kind, delivery, replayed: answer.kind === 'replayed' };
}

/** What is kept of a payload. */
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
  return { ...nothing, ignored: cut(why, TOLD_CHARS) };
}

const ID_HEADERS: Readonly<Record<HookProvider, string>> = {
  github: 'X-GitHub-Delivery',
  gitlab: 'Idempotency-Key or X-Gitlab-Event-UUID',
  generic: 'webhook-id',
};

function deliveryId(provider: HookProvider, headers: Raw['headers']): string {
  const parsed = DeliveryId.safeParse(deliveryIdOf(provider, headers));
  if (parsed.success) return parsed.data;
  throw new PointsmanError('malformed', `${ID_HEADERS[provider]} must name the delivery.`);
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
      'Deliver as application/json: the provider has a setting for it.',
    );
  }
  const event = eventOf(provider, headers);
  const rule = { provider, repository, ref, path };
  const judged = await reader.read(tenant, { provider, event, rule, bytes });
  switch (judged.kind) {
    case 'malformed':
      throw new PointsmanError('malformed', 'The payload is not JSON.');
    case 'unreadable':
      throw new PointsmanError(
        'invalid_request',
        `The payload is not what ${provider} sends: ${judged.problem}`,
      );
    default:
      return judged;
  }
}
