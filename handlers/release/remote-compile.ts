import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { backoffMs } from '@pointsman/protocol/calls/backoff';
import { durationMs } from '@pointsman/protocol/time/duration';
import { calloutKey } from '../../core/callout.ts';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { isoTime } from '../../core/gates/iso-time.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { remoteCompileLimits } from '../../core/limits/callout-limits.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { EndedAttempt } from '../ports/callbacks.ts';
import { WAITING_FOR } from '../contract/release.ts';
import { executorLabel } from '../callout/callout.ts';
import type { Deps } from '../ports/deps.ts';
import { Callout } from '../contract/callout.ts';
import { errored, rejected, type StageFailure, superseded } from './stage-failure.ts';

/** The source that an external compiler must compile, and the rule that names the compiler. */
interface RemoteJob {
  readonly source: string;
  readonly rule: RemoteCompileRule;
}

/**
 * Requests the compilation of a source from an external system. The policy limits the number of attempts, and
 * each attempt has a deadline. Between request and report the workflow is suspended, and it holds no key of
 * the tenant.
 *
 * The database determines the result of an attempt. When the awakeable is resolved, or the deadline passes,
 * the workflow only reads that result. A report that arrives at the deadline is therefore either accepted or
 * rejected as late, never both.
 *
 * Returns null if the database has stored the compilation.
 *
 * If the worker dies, Restate replays the release up to the wait. If the release is cancelled, the wait
 * throws a CancelledError. Closing the release then revokes the callback address, which rejects the
 * compiler's report. If the workflow is killed, the worker's periodic sweep closes the release, with the same
 * effect.
 */
export async function compileRemotely(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { source, rule }: RemoteJob,
): Promise<StageFailure | null> {
  for (let attempt = 1; ; attempt++) {
    await attemptOrDeadline(ctx, id, { source, rule, attempt });
    const ended = await ctx.run(
      'end attempt',
      () => deps.callbacks.endAttempt(id, attempt, deps.clock.now()),
      stepRetries.insideRelease,
    );
    const isLast = ended.kind !== 'failed' || ended.final || attempt >= rule.attempts;
    if (isLast) {
      ctx.clear(WAITING_FOR);
      return failureOf(ended, attempt);
    }
    ctx.set(WAITING_FOR, {
      compile: `waits before attempt ${attempt + 1} of ${rule.attempts}: ${ended.reason}`,
    });
    await ctx.sleep(backoffMs(attempt, ctx.rand.random(), remoteCompileLimits.betweenAttempts));
  }
}

function failureOf(ended: EndedAttempt, attempts: number): StageFailure | null {
  switch (ended.kind) {
    case 'compiled':
      return null;
    case 'closed':
      return superseded();
    case 'invalid':
      return rejected(ended.summary);
    case 'failed':
      return errored(describeFailure(ended.reason, attempts));
  }
}

/** Sends the request for one attempt, and waits until the database may have its result. */
async function attemptOrDeadline(
  ctx: WorkflowContext,
  id: ReleaseId,
  { source, rule, attempt }: RemoteJob & { readonly attempt: number },
): Promise<void> {
  const withinMs = durationMs(rule.within);
  const deadlineMs = (await ctx.date.now()) + withinMs;
  const until = isoTime(deadlineMs);
  const { id: awakeableId, promise } = ctx.awakeable<null>();
  const key = calloutKey({ id, purpose: 'compile', subject: String(attempt) });
  ctx.sendClient(Callout, key).requestCompile({ rule, source, deadlineMs, awakeableId });
  ctx.set(WAITING_FOR, {
    compile: `attempt ${attempt} of ${rule.attempts}: waits for ${executorLabel(rule)}, until ${until}`,
  });
  const deadline = ctx.sleep(withinMs, `until ${until}`);
  await RestatePromise.race([promise.map(() => null), deadline.map(() => null)]);
}

function describeFailure(reason: string, attempts: number): string {
  return attempts === 1 ? reason : `not compiled in ${attempts} attempts; the last one: ${reason}`;
}
