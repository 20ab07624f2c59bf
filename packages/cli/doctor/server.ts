import { Diagnosis, type Finding } from '@pointsman/protocol/findings/finding';
import { paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { ApiProblem } from '../failures.ts';
import { cliLimits } from '../limits.ts';
import { check } from './check.ts';

/** The findings of the diagnosis that the server runs itself. */
export interface ServerFindings {
  readonly findings: readonly Finding[];
  /**
   * False if the server did not run its diagnosis: the token lacks the permission, the API is too old, or the
   * request failed.
   */
  readonly isExamined: boolean;
}

/**
 * Requests the server's own diagnosis of its databases, its disks and the releases of all tenants. Only a
 * platform admin may request it.
 */
export async function serverFindings(client: ApiClient): Promise<ServerFindings> {
  let isExamined = false;
  const findings = await check('server', async () => {
    try {
      const timeoutMs = cliLimits.diagnosisMs;
      const { findings: found } = await client.call('GET', paths.diagnosis, Diagnosis, {
        timeoutMs,
        deadline: AbortSignal.timeout(timeoutMs),
      });
      isExamined = true;
      return found;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      return refused(error);
    }
  });
  return { findings, isExamined };
}

function refused(error: ApiProblem): Finding[] {
  switch (error.problem.status) {
    // No finding is needed here, because the check of the token already reports the invalid token.
    case 401:
      return [];
    case 403:
      return [unchecked("checks of the server need a token of the platform's admin")];
    case 404:
      return [unchecked('the API has an older version')];
    default:
      throw error;
  }
}

function unchecked(why: string): Finding {
  return { subject: 'server', state: 'unknown', summary: `not checked: ${why}`, actions: [] };
}
