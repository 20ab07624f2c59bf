import { implement, type ObjectContext, TerminalError } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '../../core/backoff.ts';
import { parseDeliveryKey } from '../../core/hook.ts';
import { hookLimits, stepRetries } from '../../core/limits/limits.ts';
import type { Deps } from '../ports/deps.ts';
import { CommitStatus } from '../contract/hooks.ts';
import { objectOptions } from '../durable/options.ts';

/** Whoever tells commits what has become of them. */
export function commitStatusObject(deps: Deps) {
  return implement(CommitStatus, {
    description: 'Tells the commit of a push what has become of it. Key: tenant/hook/delivery.',
    handlers: { report: (ctx) => report(ctx, deps) },
    options: objectOptions,
  });
}

/**
 * Tells what the record says is to be told, one word after the other: an object does one thing at a time, so that "pending" never comes
 * after the last word. The record is asked anew before each try, since a last word may have come while we waited.
 *
 * Dies between the call and its result: the provider is told the same once more, which is all that anybody can do. Cancelled or killed: the
 * sweep sends it again, since the record still has something to tell.
 */
async function report(ctx: ObjectContext, deps: Deps): Promise<null> {
  const name = parseDeliveryKey(ctx.key);
  if (!name) throw new TerminalError(`"${ctx.key}" is not the key of a delivery`, { errorCode: 400 });
  const tries = { pending: 0, final: 0 };
  for (;;) {
    const next = await ctx.run(
      'read report',
      () => deps.reports.next(name, deps.clock.now()),
      stepRetries.whileSomebodyWaits,
    );
    if (next === null) return null;
    const told = await ctx.run(
      'tell commit',
      () => deps.reports.tell(name, next),
      stepRetries.whileSomebodyWaits,
    );
    const attempt = (tries[next.kind] += 1);
    const random01 = ctx.rand.random();
    const waitMs =
      told.kind === 'later'
        ? nextAttemptMs({ attempt, random01, retryAfterMs: told.retryAfterMs }, hookLimits.statusRetries)
        : null;
    if (told.kind === 'later' && waitMs !== null) {
      await ctx.sleep(waitMs, `after try ${attempt}: ${told.reason}`);
    } else {
      const state = told.kind === 'told' ? 'done' : 'failed';
      const detail = told.kind === 'told' ? told.detail : told.reason;
      await ctx.run(
        'record report',
        () => deps.reports.record(name, next, { state, detail, at: deps.clock.now() }),
        stepRetries.whileSomebodyWaits,
      );
    }
  }
}
