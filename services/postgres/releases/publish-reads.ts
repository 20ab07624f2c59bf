import { z } from 'zod';

import { Diagnostic } from '@pointsman/protocol/releases/diagnostic';
import { ConflictRule } from '@pointsman/protocol/releases/release';
import { LOCAL_EXECUTOR } from '../../../core/releases/local-compiler.ts';
import type { Database } from '../database.ts';
import { Bearer } from '../tenants/tokens.ts';
import { answerOf, Big } from '../rows.ts';

/** The kind of compiler that a policy selects. */
const Executor = z.enum(['local', 'http', 'celery']);
export type Executor = z.infer<typeof Executor>;

const Terms = z.object({
  tenantExists: z.boolean(),
  /** Whether the idempotency key of the publish was used before. */
  isRepeated: z.boolean(),
  executor: Executor,
  /** The conflict rules of the policy. A channel without a rule is not listed. */
  conflictRules: z.array(z.object({ channel: z.string(), rule: ConflictRule })),
  /** The time of the database's clock at which the terms were read, in epoch milliseconds. */
  nowMs: Big,
});
/** What a publish depends on besides its body. */
export interface PublishTerms extends Omit<z.infer<typeof Terms>, 'nowMs'> {
  /** Returns the current time of the database's clock in epoch milliseconds. */
  readonly databaseNow: () => number;
}

const Context = Terms.extend({ token: Bearer.nullable() });

export interface PublishContext extends PublishTerms {
  readonly token: z.infer<typeof Bearer> | null;
}

/**
 * Reads the terms of a publish together with the token of its caller, in one round trip.
 * @param asked.sha256 the SHA-256 of the caller's token (64 hex digits), or null for a caller without a stored token
 * @param asked.key the stored form of the idempotency key, or null
 */
export async function readPublishContext(
  db: Database,
  tenant: string,
  { sha256, key }: { readonly sha256: string | null; readonly key: string | null },
): Promise<PublishContext> {
  const rows = await db.answer(tenant, 'publish_context($1, $2, $3)', [sha256, key]);
  const readAt = performance.now();
  const { nowMs, ...context } = answerOf(Context, rows);
  return { ...context, databaseNow: () => Math.floor(nowMs + performance.now() - readAt) };
}

const ForPublish = z.object({
  /** Whether the source is stored. */
  stored: z.boolean(),
  /** The warnings of the policy's compiler about the source. Null if that compiler has not compiled the source. */
  warnings: z.array(Diagnostic).nullable(),
});

/** Finds what is stored of a source that is about to be published. A stored source is then kept for another 50 minutes. */
export async function findForPublish(
  db: Database,
  tenant: string,
  source: string,
): Promise<z.infer<typeof ForPublish>> {
  return answerOf(
    ForPublish,
    await db.answer(tenant, 'find_for_publish($1, $2, $3)', [source, LOCAL_EXECUTOR]),
  );
}
