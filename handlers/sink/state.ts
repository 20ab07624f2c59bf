import type { ObjectContext } from '@restatedev/restate-sdk';
import { z } from 'zod';

import type { SinkId } from '@pointsman/protocol/sinks/sink';
import { DeliveryAttempt, Failing } from '../ports/sinks.ts';
import { readShortcut } from '../durable/stored-state.ts';

/** The state keys of a writer. An operator sees them with `restate kv get Sink redis:3`. */
const POSITION = 'position';
/** The state key of the failures of the sink itself, which affect the moves of every tenant. */
const FAILING = 'failing';

/** The state key of the number up to which a tenant's moves are delivered. */
const cursorKey = (tenant: string): string => `cursor ${tenant}`;
/** The state key of the failures that affect only this tenant's moves. */
const undeliveredKey = (tenant: string): string => `undelivered ${tenant}`;
/**
 * The state key of the tenant's last attempt with an unknown result. Moves of other tenants on the same
 * stream may have been delivered since.
 */
const attemptKey = (tenant: string): string => `attempt ${tenant}`;

const Cursor = z.number().int().min(0);
const Position = z.string();
const Try = DeliveryAttempt.extend({ after: Cursor.nullable() });
type Try = Readonly<z.infer<typeof Try>>;

/**
 * A writer's state for one tenant. Unreadable state counts as absent, because it can be restored from the
 * database and the target.
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

/** An attempt to deliver a tenant's moves. */
export interface Attempt {
  readonly tenant: string;
  /** The number of the tenant's last delivered move. Null if it is not known yet. */
  readonly after: number | null;
  readonly nowMs: number;
}

/**
 * Stores an attempt before it starts, so that the next handler after a kill can see that the moves may have
 * arrived. A repeated attempt gets the time and the position of the first one, even if the writer has
 * delivered other moves since. Until the attempt has ended, the target's position counts as unknown.
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
 * Returns the target's position and marks it as unknown, for one event that does not change the cursors. The
 * caller sets the position again once the event was sent.
 */
export async function takePosition(ctx: ObjectContext): Promise<string | null> {
  const position = await readShortcut(ctx, POSITION, Position);
  if (position !== null) ctx.clear(POSITION);
  return position;
}

/** Stores the target's position. */
export function setPosition(ctx: ObjectContext, position: string | null): void {
  if (position !== null) ctx.set(POSITION, position);
}

/** Ends the tenant's attempt, and stores the target's position. */
export function endAttempt(ctx: ObjectContext, tenant: string, position: string | null): void {
  setPosition(ctx, position);
  ctx.clear(attemptKey(tenant));
}

/**
 * Records that a part of what this attempt sent has arrived. The result of the rest is unknown, so the rest is sent
 * again with the same IDs.
 */
export function endPart(ctx: ObjectContext, { tenant, ...rest }: Try & { readonly tenant: string }): void {
  ctx.set(attemptKey(tenant), rest satisfies Try);
}
