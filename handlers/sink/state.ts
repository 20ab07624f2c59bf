import type { ObjectContext } from '@restatedev/restate-sdk';
import { z } from 'zod';

import type { SinkId } from '@pointsman/protocol/sinks/sink';
import { DeliveryAttempt, Failing } from '../ports/sinks.ts';
import { readShortcut } from '../durable/stored-state.ts';

/**
 * The state key of the position in the target after the last delivery. Operators can show a writer's whole
 * state with `restate kv get Sink redis:3`.
 */
const POSITION = 'position';
/**
 * The state key of the failures that affect the moves of every tenant, for example because the broker is
 * down.
 */
const FAILING = 'failing';

/** The state key of the sequence number of a tenant's last delivered move. */
const cursorKey = (tenant: string): string => `cursor ${tenant}`;
/** The state key of the failures that affect the moves of one tenant only. */
const undeliveredKey = (tenant: string): string => `undelivered ${tenant}`;
/**
 * The state key of a tenant's last attempt, as long as its result is unknown. The writer may have delivered
 * moves of other tenants to the same stream since then.
 */
const attemptKey = (tenant: string): string => `attempt ${tenant}`;

const Cursor = z.number().int().min(0);
const Position = z.string();
const Try = DeliveryAttempt.extend({ after: Cursor.nullable() });
type Try = Readonly<z.infer<typeof Try>>;

/**
 * A writer's state for one tenant. Unreadable state counts as missing: the writer then uses the cursor from
 * the database, and reads the position from the target.
 */
export interface WriterState {
  readonly cursor: number | null;
  readonly failing: Failing | null;
}

export async function readWriter(ctx: ObjectContext, { tenant }: SinkId): Promise<WriterState> {
  const cursor = await readShortcut(ctx, cursorKey(tenant), Cursor);
  const failing = await readShortcut(ctx, FAILING, Failing);
  return { cursor, failing: failing ?? (await readShortcut(ctx, undeliveredKey(tenant), Failing)) };
}

export function setCursor(ctx: ObjectContext, tenant: string, seq: number): void {
  ctx.set(cursorKey(tenant), seq);
}

/** Clears the failures of the sink and of the tenant after a successful delivery. */
export function clearFailing(ctx: ObjectContext, tenant: string): void {
  ctx.clear(FAILING);
  ctx.clear(undeliveredKey(tenant));
}

export function setFailing(ctx: ObjectContext, tenant: string, failing: Failing, whole: boolean): void {
  clearFailing(ctx, tenant);
  ctx.set(whole ? FAILING : undeliveredKey(tenant), failing);
}

/** A new attempt to deliver the moves of a tenant. */
export interface Attempt {
  readonly tenant: string;
  /** The sequence number of the tenant's last delivered move. Null if it is not known yet. */
  readonly after: number | null;
  readonly nowMs: number;
}

/**
 * Stores an attempt before its moves are sent. If the handler is killed, the next one thus knows that the
 * moves may have arrived. A repeated attempt uses the time and the position of the first one, even if the
 * writer has delivered moves of other tenants since. The position in the target counts as unknown until the
 * attempt has ended.
 */
export async function beginAttempt(
  ctx: ObjectContext,
  { tenant, after, nowMs }: Attempt,
): Promise<{ readonly attempt: DeliveryAttempt; readonly again: boolean }> {
  const before = await readShortcut(ctx, attemptKey(tenant), Try);
  if (before !== null && after !== null && before.after === after) {
    return { attempt: { position: before.position, atMs: before.atMs }, again: true };
  }
  const known = await takePosition(ctx);
  const attempt: DeliveryAttempt = { position: before === null ? known : null, atMs: nowMs };
  ctx.set(attemptKey(tenant), { after, ...attempt } satisfies Try);
  return { attempt, again: false };
}

/**
 * Returns the position in the target and deletes it from the state, because it is unknown while an event is
 * being sent. The caller stores the new position after the event was sent.
 */
export async function takePosition(ctx: ObjectContext): Promise<string | null> {
  const position = await readShortcut(ctx, POSITION, Position);
  if (position !== null) ctx.clear(POSITION);
  return position;
}

/** Stores the position in the target, if it is known. */
export function setPosition(ctx: ObjectContext, position: string | null): void {
  if (position !== null) ctx.set(POSITION, position);
}

/** Marks the tenant's attempt as ended, and stores the position in the target. */
export function endAttempt(ctx: ObjectContext, tenant: string, position: string | null): void {
  setPosition(ctx, position);
  ctx.clear(attemptKey(tenant));
}

/**
 * Records that only a part of the moves of an attempt has arrived. It is unknown whether the others have
 * arrived, so they are sent again with the same IDs.
 */
export function endPart(ctx: ObjectContext, { tenant, ...rest }: Try & { readonly tenant: string }): void {
  ctx.set(attemptKey(tenant), rest satisfies Try);
}
