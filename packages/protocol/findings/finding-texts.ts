import { findingLimits } from '../limits.ts';
import type { Finding } from './finding.ts';
import { correlationId, type ReleaseId } from '../identifiers.ts';
import { humanDuration } from '../text/amounts.ts';

/** The texts of findings that the server and `pointsman doctor` have in common. */

export const SILENT_WORKER: Finding = {
  subject: 'worker',
  state: 'error',
  summary: 'does not respond through Restate: publishes fail, and releases in flight do not progress',
  actions: [
    'If it does not run, start it. If it hangs, end it with kill -9; npm start starts another one:',
    'each release continues from its last step, once.',
  ],
};

/**
 * Returns one finding for each release in the list. The list contains the releases that have been in flight
 * for longer than {@link findingLimits.oldReleaseMs}. For an empty list, returns a single finding with the
 * state `ok`.
 */
export function oldReleaseFindings(old: readonly ReleaseId[]): Finding[] {
  const bound = humanDuration(findingLimits.oldReleaseMs);
  if (old.length === 0)
    return [
      { subject: 'releases', state: 'ok', summary: `none in flight for longer than ${bound}`, actions: [] },
    ];
  return old.map((release) => ({
    subject: correlationId(release),
    state: 'warning',
    summary: `in flight for longer than ${bound}`,
    actions: [
      `To see what it waits for: npx pointsman status --tenant ${release.tenant} ${release.bundle} --release ${release.version}`,
    ],
  }));
}
