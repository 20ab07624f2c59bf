import type { Logger } from 'pino';

import { cut } from '@pointsman/protocol/text/cut';
import { PointsmanError } from '@pointsman/protocol/errors';
import type { Finding } from '@pointsman/protocol/findings/finding';
import { singleFlight } from '@pointsman/protocol/calls/single-flight';
import { humanDuration } from '@pointsman/protocol/text/amounts';
import { RestateAdminError } from '../../restate/admin.ts';
import { diagnosisLimits } from './limits.ts';
import { withoutCredentials } from './without-credentials.ts';

/** A check of the diagnosis that always returns its findings within {@link diagnosisLimits.checkMs}. */
export type BoundedCheck = () => Promise<Finding[]>;

/**
 * Adds a time limit to a check. If the check fails or takes too long, the findings contain an error for the system that was checked. A
 * check that hangs is not started again until it has ended. Otherwise each call to an unreachable network disk would permanently block
 * another of the process's threads.
 */
export function boundedCheck(
  subject: string,
  find: () => Promise<Finding[]>,
  { log, checkMs = diagnosisLimits.checkMs }: { readonly log: Logger; readonly checkMs?: number },
): BoundedCheck {
  const running = singleFlight(find);
  return async () => {
    const { promise: late, resolve } = Promise.withResolvers<Finding[]>();
    const timer = setTimeout(() => resolve([unanswered(subject, checkMs)]), checkMs);
    try {
      return (await Promise.race([running.join(), late])).map(presentable);
    } catch (error) {
      return [presentable({ subject, state: 'error', summary: messageOf(error, subject, log), actions: [] })];
    } finally {
      clearTimeout(timer);
    }
  };
}

function unanswered(subject: string, checkMs: number): Finding {
  const summary = `did not respond within ${humanDuration(checkMs)}`;
  return { subject, state: 'error', summary, actions: [] };
}

/** An unexpected error may contain addresses and SQL statements. These may appear in the log, but not in the findings. */
function messageOf(error: unknown, subject: string, log: Logger): string {
  if (error instanceof PointsmanError || error instanceof RestateAdminError) return error.message;
  log.warn({ err: error, subject }, 'a check of the diagnosis failed unexpectedly');
  return 'the check failed unexpectedly; see the log of the API';
}

function presentable({ subject, state, summary, actions }: Finding): Finding {
  return {
    subject: presentableText(subject),
    state,
    summary: presentableText(summary),
    actions: actions.map(presentableText),
  };
}

function presentableText(text: string): string {
  return cut(withoutCredentials(text), diagnosisLimits.textChars);
}
