import { RestatePromise, type WorkflowContext } from '@restatedev/restate-sdk';

import { backoffMs } from '../../core/backoff.ts';
import { durationMs } from '../../core/gates/duration.ts';
import { calloutKey } from '../../core/callout.ts';
import type { ReleaseId } from '../../core/identifiers.ts';
import { isoTime } from '../../core/gates/iso-time.ts';
import { stepRetries } from '../../core/limits/limits.ts';
import { remoteCompileLimits } from '../../core/limits/callout-limits.ts';
import type { RemoteCompileRule } from '../../core/policy.ts';
import type { EndedAttempt } from '../ports/callbacks.ts';
import { WAITING_FOR } from '../contract/release.ts';
import { whom } from '../callout/callout.ts';
import type { CompileStageResult, Deps } from '../ports/deps.ts';
import type { StageSpan } from '../ports/stages.ts';
import { Callout } from '../contract/callout.ts';

/** What is to be compiled elsewhere, and where. */
interface RemoteJob {
  readonly source: string;
  readonly rule: RemoteCompileRule;
  readonly validated: StageSpan;
}

type RemoteAnswer = CompileStageResult | Extract<EndedAttempt, { kind: 'closed' }>;

/**
 * Has a source compiled by somebody else, in as many attempts as the policy allows, each until its deadline. The workflow is suspended
 * meanwhile and holds nothing.
 *
 * The record decides how an attempt ended: the awakeable, or the end of the wait, only makes the workflow look there. So an answer that
 * comes at the very deadline is either taken or told that it came too late, and never both.
 * Dies inside: replayed up to the wait. Cancelled: surfaces at the wait; the close of the release takes the address back, so that the
 * compiler's answer is refused. Killed: the sweep closes the release, with the same effect.
 */
export async function compileElsewhere(
  ctx: WorkflowContext,
  deps: Deps,
  id: ReleaseId,
  { source, rule, validated }: RemoteJob,
): Promise<RemoteAnswer> {
  const invocationId = ctx.request().id;
  const begun = await ctx.run(
    'begin compile',
    () => deps.callbacks.beginCompile(id, validated, { invocationId, startedAt: deps.clock.now() }),
    stepRetries.insideRelease,
  );
  if (!begun) return { kind: 'closed' };
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
      return ended.kind === 'failed' ? { kind: 'broken', reason: inWords(ended.reason, attempt) } : ended;
    }
    ctx.set(WAITING_FOR, {
      compile: `waits before attempt ${attempt + 1} of ${rule.attempts}: ${ended.reason}`,
    });
    await ctx.sleep(backoffMs(attempt, ctx.rand.random(), remoteCompileLimits.betweenAttempts));
  }
}

/** Sends the request on its way, and waits until there is something to look at. */
async function attemptOrDeadline(
  ctx: WorkflowContext,
  id: ReleaseId,
  { source, rule, attempt }: Omit<RemoteJob, 'validated'> & { readonly attempt: number },
): Promise<void> {
  const withinMs = durationMs(rule.within);
  const deadlineMs = (await ctx.date.now()) + withinMs;
  const until = isoTime(deadlineMs);
  const { id: awakeableId, promise } = ctx.awakeable<null>();
  const key = calloutKey({ id, purpose: 'compile', subject: String(attempt) });
  ctx.sendClient(Callout, key).requestCompile({ rule, source, deadlineMs, awakeableId });
  ctx.set(WAITING_FOR, {
    compile: `attempt ${attempt} of ${rule.attempts}: waits for ${whom(rule)}, until ${until}`,
  });
  const deadline = ctx.sleep(withinMs, `until ${until}`);
  await RestatePromise.race([promise.map(() => null), deadline.map(() => null)]);
}

function inWords(reason: string, attempts: number): string {
  return attempts === 1 ? reason : `not compiled in ${attempts} attempts; the last one: ${reason}`;
}
