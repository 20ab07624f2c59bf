import { implement, type ObjectContext, TerminalError } from '@restatedev/restate-sdk';

import { nextAttemptMs } from '@pointsman/protocol/calls/backoff';
import { parseDeliveryKey } from '@pointsman/protocol/hook';
import { stepRetries, hookLimits } from '../../core/limits/limits.ts';
import type { Deps } from '../ports/deps.ts';
import { CommitStatus } from '../contract/hooks.ts';
import { objectOptions } from '../durable/options.ts';

/** Reports the state of pushes to the Git providers as commit statuses. */
export function commitStatusObject(deps: Deps) {
  return implement(CommitStatus, {
    description: 'Reports the state of a push to its commit. Key: tenant/hook/delivery.',
    handlers: { report: (ctx) => report(ctx, deps) },
    options: objectOptions,
  });
}

/**
 * Sends every commit status that the database lists as due, one at a time. The object runs one handler at a
 * time, so "pending" never arrives after the final status. The handler reads the database again before each
 * attempt, because a final status may have become due during the wait.
 *
 * If the worker dies after a call and before its result is recorded, the status is sent twice. This can't be
 * avoided. If the invocation is cancelled or killed, the worker's periodic sweep starts it again, because the
 * status is still due.
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
    const sent = await ctx.run(
      'post commit status',
      () => deps.reports.send(name, next),
      stepRetries.whileSomebodyWaits,
    );
    const attempt = (tries[next.kind] += 1);
    const random01 = ctx.rand.random();
    const waitMs =
      sent.kind === 'later'
        ? nextAttemptMs({ attempt, random01, retryAfterMs: sent.retryAfterMs }, hookLimits.statusRetries)
        : null;
    if (sent.kind === 'later' && waitMs !== null) {
      await ctx.sleep(waitMs, `after try ${attempt}: ${sent.reason}`);
    } else {
      const state = sent.kind === 'posted' ? 'done' : 'failed';
      const detail = sent.kind === 'posted' ? sent.detail : sent.reason;
      await ctx.run(
        'record report',
        () => deps.reports.record(name, next, { state, detail, at: deps.clock.now() }),
        stepRetries.whileSomebodyWaits,
      );
    }
  }
}
