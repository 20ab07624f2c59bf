import { z } from 'zod';

/** The reason why a hook can no longer process one of its deliveries. */
export const HookLost = z.enum(['hook_deleted', 'other_repository']);
type HookLost = z.infer<typeof HookLost>;

const HOOK_LOST: Readonly<Record<HookLost, string>> = {
  hook_deleted: 'the hook was deleted',
  other_repository: 'the hook is for another repository now',
};

/**
 * The reason why no commit status is posted. See the SQL function `next_report` in
 * functions/commit-reports.sql.
 */
export const ReportDropped = z.enum([...HookLost.options, 'final_reported', 'later_delivery']);
export type ReportDropped = z.infer<typeof ReportDropped>;

const REPORT_DROPPED: Readonly<Record<ReportDropped, string>> = {
  ...HOOK_LOST,
  final_reported: 'the final status is reported instead',
  later_delivery: 'a later delivery of this commit is reported instead',
};

export function hookLostText(lost: HookLost): string {
  return HOOK_LOST[lost];
}

export function reportDroppedText(dropped: ReportDropped): string {
  return REPORT_DROPPED[dropped];
}

/** The reason of a delivery that is dropped because a later push of the same hook was already published. */
export function overtakenText(version: number): string {
  return `a later push has come before it, as v${version}`;
}
