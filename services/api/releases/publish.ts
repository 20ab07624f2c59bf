import type { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { PointsmanError } from '@pointsman/protocol/errors';
import { DEFAULT_CHANNEL, type PointerId } from '@pointsman/protocol/identifiers';
import { requestLimits } from '@pointsman/protocol/limits';
import type { ConflictRule } from '@pointsman/protocol/releases/release';
import type { PublishResult } from '../../../handlers/contract/tenant.ts';
import { type Executor, findForPublish, type PublishTerms } from '../../postgres/releases/publish-reads.ts';
import { withStoredDocuments } from '../../postgres/content/compiled-documents.ts';
import { storeSource } from '../../postgres/content/sources.ts';
import { contentsOf, type ReadSource } from '../../source-archive/read-source.ts';
import type { Principal } from '../access/access.ts';
import type { ApiDeps } from '../dependencies.ts';
import { checkSource, invalidSource } from './validate-source.ts';
import type { ExpectedGeneration } from '../responses/entity-tags.ts';
import { expectedGeneration } from '../requests/expected-generation.ts';
import { startedRelease } from './release-view.ts';
import type { ReleaseRecord } from '../../postgres/releases/releases.ts';
import { requestIdentity } from '../requests/idempotency.ts';
import { noChannel, refusal } from '../responses/refusal.ts';
import type { RequestIds } from '../requests/request-ids.ts';
import type { PublishOptions } from '@pointsman/protocol/releases/release-bodies';

export interface Publish {
  readonly tenant: string;
  readonly bundle: string;
  readonly source: ReadSource;
  readonly terms: PublishTerms;
  readonly options: PublishOptions;
  readonly idempotencyKey: string | undefined;
  readonly ifMatch: ExpectedGeneration | undefined;
  readonly principal: Principal | null;
  readonly ids: RequestIds;
}

export interface Accepted {
  readonly version: number;
  /** The new release, if the admission has returned it. Otherwise it must be read from the database. */
  readonly release: ReleaseRecord | null;
  readonly replayed: boolean;
  /** The warnings that the check of the source has found. Empty for a repeated request, whose source is not checked again. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * Publishes a source. Checks the source in full, stores it, and asks the tenant's durable object to admit a release. A source that does not
 * compile is refused before it gets a version number.
 *
 * A request whose idempotency key is known is not checked. It goes directly to the tenant's object, because only the object can compare it
 * with the first request. An accepted publish therefore stays accepted, even if a newer compiler or policy would refuse it.
 */
export async function publish(
  parts: ApiDeps,
  { tenant, bundle, source, terms, options, ...asked }: Publish,
): Promise<Accepted> {
  const { db, tenants } = parts;
  const channel = options.channel ?? DEFAULT_CHANNEL;
  const request = {
    bundle,
    channel,
    createChannel: options.createChannel ?? false,
    source: source.tree.digest,
    message: options.message ?? null,
    notBefore: options.notBefore === undefined ? null : Date.parse(options.notBefore),
  };
  // The fingerprint covers the request as it was sent, without values that the API looked up for it. When the request is repeated, a lookup
  // may give a different result. The pointer may have moved (for `If-Match: *`), and the policy may have changed (for a request without a
  // conflict rule).
  const identity = requestIdentity(asked, asked.idempotencyKey, {
    call: 'publish',
    ...request,
    onConflict: options.onConflict ?? null,
    ifMatch: asked.ifMatch ?? null,
  });
  const rule = terms.conflictRules.find((one) => one.channel === channel)?.rule ?? null;
  let warnings: readonly Diagnostic[] = [];
  if (!terms.isRepeated) {
    refuseOptions({ ...request, onConflict: options.onConflict }, rule);
    warnings = await storeCompiled(parts, tenant, source, terms.executor);
  }
  const ifGeneration = terms.isRepeated
    ? null
    : await expectedGeneration(db, { tenant, bundle, channel }, asked.ifMatch);
  const onConflict = rule ?? options.onConflict ?? 'supersede';
  const admit = () =>
    tenants(tenant, asked.ids).publish(
      { ...request, onConflict, ...identity, ifGeneration },
      terms.databaseNow,
    );
  const pointer = { tenant, bundle, channel };
  const acceptance = (answered: PublishResult) => {
    const { version, replayed, started } = accepted(answered, pointer);
    const release =
      started === undefined ? null : startedRelease({ ...request, ...identity, tenant, version }, started);
    return { version, replayed, release };
  };
  const answer = await admit();
  if (answer.kind !== 'no_source') return { ...acceptance(answer), warnings };
  // Store the source now and try again. It was not stored before, because the idempotency key was known then. The key has expired in the
  // meantime.
  await storeSource(db, tenant, source.tree, contentsOf(source));
  return { ...acceptance(await admit()), warnings };
}

/**
 * Stores a source and its compilation, unless both are stored already. Returns the warnings about the source. Throws `invalid_source` if the
 * source does not compile. A source that an external compiler compiles is stored without a compilation.
 */
async function storeCompiled(
  parts: ApiDeps,
  tenant: string,
  source: ReadSource,
  executor: Executor,
): Promise<readonly Diagnostic[]> {
  const { db } = parts;
  const found = await findForPublish(db, tenant, source.tree.digest);
  if (found.stored && executor !== 'local') return [];
  if (found.stored && found.warnings !== null) return found.warnings;
  return withStoredDocuments(db, tenant, async (findStored) => {
    const checked = await checkSource(parts, tenant, source, executor, findStored);
    if (checked.kind === 'invalid') throw invalidSource(checked);
    await storeSource(db, tenant, source.tree, contentsOf(source), checked.compilation);
    return checked.warnings;
  });
}

/**
 * Checks the publish options against the tenant's policy and the current time. A `notBefore` in the past is treated as the current time.
 */
function refuseOptions(
  {
    channel,
    onConflict,
    notBefore,
  }: { channel: string; onConflict: ConflictRule | undefined; notBefore: number | null },
  rule: ConflictRule | null,
): void {
  if (rule !== null && onConflict !== undefined && onConflict !== rule) {
    const detail = `The policy sets "onConflict" to "${rule}" for publishes to "${channel}". Omit "onConflict", or set the same value.`;
    throw new PointsmanError('invalid_request', detail);
  }
  if (notBefore !== null && notBefore > Date.now() + requestLimits.scheduleMs) {
    const detail = `"notBefore" may be at most ${requestLimits.scheduleMs / 86_400_000} days ahead.`;
    throw new PointsmanError('invalid_request', detail);
  }
}

function accepted(answer: PublishResult, pointer: PointerId): Extract<PublishResult, { kind: 'accepted' }> {
  switch (answer.kind) {
    case 'accepted':
      return answer;
    case 'conflict':
      throw new PointsmanError(
        'conflict',
        `Release v${answer.version} of this pointer is in flight. Wait until it settles, or cancel it.`,
        {
          details: { version: answer.version },
        },
      );
    case 'too_late':
      throw new PointsmanError(
        'unavailable',
        'The control plane did not respond in time. Nothing was published. Retry in a moment.',
      );
    case 'no_source':
      throw new PointsmanError('unavailable', 'The source was deleted during the publish. Send it again.');
    case 'queue_full':
      throw new PointsmanError(
        'busy',
        `The queue of this pointer is full: ${answer.limit} releases. Retry when some have settled.`,
        {
          details: { limit: answer.limit },
        },
      );
    case 'no_channel':
      throw noChannel(pointer, answer);
    default:
      throw refusal(answer, pointer.tenant);
  }
}
