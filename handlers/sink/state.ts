import type { ObjectContext } from '@restatedev/restate-sdk';
import { z } from 'zod';

import type { SinkId } from '../../core/sink.ts';
import { DeliveryAttempt, Failing } from '../ports/sinks.ts';
import { readShortcut } from '../durable/stored-state.ts';

/** What a writer remembers, by the names under which an operator sees it (`restate kv get Sink redis:3`). */
const POSITION = 'position';
/** The sink itself fails, whoever's moves it is given. */
const FAILING = 'failing';

/** Up to which number a tenant's moves have arrived. */
const cursorKey = (tenant: string): string => `cursor ${tenant}`;
/** Only this tenant's moves are not taken. */
const undeliveredKey = (tenant: string): string => `undelivered ${tenant}`;
/** What was last tried of this tenant, and is not known to have ended. Others of the same stream may have been told of theirs since. */
const attemptKey = (tenant: string): string => `attempt ${tenant}`;

const Cursor = z.number().int().min(0);
const Position = z.string();
const Try = DeliveryAttempt.extend({ after: Cursor.nullable() });
type Try = Readonly<z.infer<typeof Try>>;

/** A writer's memory, as far as it concerns one tenant. What is not readable counts as forgotten: the record and the target know it. */
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

/** What has arrived counts from now on, and so does that the sink is well. */
export function clearFailing(ctx: ObjectContext, tenant: string): void {
  ctx.clear(FAILING);
  ctx.clear(undeliveredKey(tenant));
}

export function setFailing(ctx: ObjectContext, tenant: string, failing: Failing, whole: boolean): void {
  clearFailing(ctx, tenant);
  ctx.set(whole ? FAILING : undeliveredKey(tenant), failing);
}

/** The tenant's moves after that number. */
export interface Attempt {
  readonly tenant: string;
  /** Null where it is not known yet. */
  readonly after: number | null;
  readonly nowMs: number;
}

/**
 * Notes what is about to be tried before it is, so that whoever comes after a kill knows that it may have arrived. Repeated, it is given the time and
 * the position of its first try, whatever else the writer has told meanwhile. Until a try has ended, nobody knows where the target stands.
 */
export async function beginAttempt(
  ctx: ObjectContext,
  { tenant, after, nowMs }: Attempt,
): Promise<{ readonly begun: DeliveryAttempt; readonly again: boolean }> {
  const before = await readShortcut(ctx, attemptKey(tenant), Try);
  if (before !== null && after !== null && before.after === after) {
    return { begun: { position: before.position, atMs: before.atMs }, again: true };
  }
  const known = await takePosition(ctx);
  const begun: DeliveryAttempt = { position: before === null ? known : null, atMs: nowMs };
  ctx.set(attemptKey(tenant), { after, ...begun } satisfies Try);
  return { begun, again: false };
}

/** Where the target stands, for one more event beside the cursors; from then on nobody knows, until it has ended. */
export async function takePosition(ctx: ObjectContext): Promise<string | null> {
  const position = await readShortcut(ctx, POSITION, Position);
  if (position !== null) ctx.clear(POSITION);
  return position;
}

/** The target stands there. */
export function setPosition(ctx: ObjectContext, position: string | null): void {
  if (position !== null) ctx.set(POSITION, position);
}

/** What was tried of the tenant's has ended, and the target stands there. */
export function endAttempt(ctx: ObjectContext, tenant: string, position: string | null): void {
  setPosition(ctx, position);
  ctx.clear(attemptKey(tenant));
}

/** Some of what was tried has arrived; of the rest, which is tried again as the same try, nobody knows. */
export function endPart(ctx: ObjectContext, { tenant, ...rest }: Try & { readonly tenant: string }): void {
  ctx.set(attemptKey(tenant), rest satisfies Try);
}
