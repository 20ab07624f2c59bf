import type { ObjectContext } from '@restatedev/restate-sdk';
import { z } from 'zod';

import type { SinkId } from '@pointsman/protocol/sinks/sink';
import { DeliveryAttempt, Failing } from '../ports/sinks.ts';
import { readShortcut } from '../durable/stored-state.ts';

/** The state keys of a writer. An operator sees them with `restate kv get Sink redis:3`. */
const POSITION = 'position';
/** The sink itself fails, for the moves of every tenant. */
const FAILING = 'failing';

/** The number up to which a tenant's moves are delivered. */
const cursorKey = (tenant: string): string => `cursor ${tenant}`;
/** The sink rejects only this tenant's moves. */
const undeliveredKey = (tenant: string): string => `undelivered ${tenant}`;
/**
 * The last attempt for this tenant whose end is unknown. Other tenants' moves on the same stream may have
 * been delivered since.
 */
const attemptKey = (tenant: string): string => `attempt ${tenant}`;

const Cursor = z.number().int().min(0);
const Position = z.string();
const Try = DeliveryAttempt.extend({ after: Cursor.nullable() });
type Try = Readonly<z.infer<typeof Try>>;

/**
 * A writer's state for one tenant. Unreadable state counts as absent, because the record and the target have
 * the same facts.
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

/** A delivery succeeded, so the sink counts as healthy. */
export function clearFailing(ctx: ObjectContext, tenant: string): void {
  ctx.clear(FAILING);
  ctx.clear(undeliveredKey(tenant));
}

export function setFailing(ctx: ObjectContext, tenant: string, failing: Failing, whole: boolean): void {
  clearFailing(ctx, tenant);
  ctx.set(whole ? FAILING : undeliveredKey(tenant), failing);
}

/** An attempt to deliver the tenant's moves after this number. */
export interface Attempt {
  readonly tenant: string;
  /** Null when the number is not known yet. */
  readonly after: number | null;
  readonly nowMs: number;
}

/**
 * Stores an attempt before it starts, so that the next handler after a kill can see that the moves may have
 * arrived. A repeated attempt gets the time and position of its first try, even if the writer has delivered
 * other moves since. Until an attempt has ended, the target's position is unknown.
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
 * Takes the target's position, for one more event that does not change the cursors. The position is then
 * unknown until the event has ended.
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
 * Part of the attempt has arrived. The rest has an unknown outcome and is repeated under the same identity.
 */
export function endPart(ctx: ObjectContext, { tenant, ...rest }: Try & { readonly tenant: string }): void {
  ctx.set(attemptKey(tenant), rest satisfies Try);
}
