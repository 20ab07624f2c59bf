import { randomUUID } from 'node:crypto';

import type { Logger } from 'pino';

import type { SessionResult } from '../process/compile-session.ts';
import { compilerUnavailable } from '../process/compiler-unavailable.ts';
import type { BadEnd, Exhausted, Uncompilable } from '../process/compiled.ts';
import { endedSources, type EndedLimits } from './ended-sources.ts';
import type { TenantStandings } from './tenant-standings.ts';

export interface BadEndLimits extends EndedLimits {
  readonly timeoutMs: number;
  readonly heapMiB: number;
}

type Ended = Extract<SessionResult, { readonly kind: 'exhausted' | 'failed' | 'died' }>;

export interface BadEndings {
  /**
   * Records a failed compilation, and returns the result for the caller. Throws if this is the first time that a
   * process died with this source, because the source may not be the cause.
   */
  readonly recordBadEnd: (tenant: string, digest: string, ended: Ended) => BadEnd;
  readonly recall: (tenant: string, digest: string) => BadEnd | undefined;
}

/**
 * Records the sources whose compilation exceeded a limit, failed, or made its process die. Such a compilation costs a
 * process, and the tenant may have many similar sources. The tenant's next compilations are therefore scheduled as
 * long jobs.
 *
 * The first death of a process does not count against the source, because the kernel may have killed the process to
 * free memory for another one. The tenant is nevertheless already marked as slow or long if the compilation used much
 * CPU time.
 */
export function badEndings(
  limits: BadEndLimits,
  standings: TenantStandings,
  log?: Pick<Logger, 'error'>,
): BadEndings {
  const ends = endedSources<BadEnd>(limits);
  const deaths = endedSources<true>(limits);
  return {
    recall: ends.recall,
    recordBadEnd: (tenant, digest, ended) => {
      if (ended.kind === 'died' && !deaths.recall(tenant, digest)) {
        deaths.add(tenant, digest, true);
        throw compilerUnavailable(ended.defect);
      }
      standings.mark(tenant, 'long');
      const end = ended.kind === 'exhausted' ? exhausted(ended.limit, limits) : uncompilable();
      if (ended.kind !== 'exhausted' && end.kind === 'uncompilable') {
        const { reference } = end;
        log?.error(
          { reference, tenant, source: digest, err: ended.defect },
          'the compiler failed on a source',
        );
      }
      ends.add(tenant, digest, end);
      return end;
    },
  };
}

function uncompilable(): Uncompilable {
  const reference = randomUUID();
  const message = `this source triggers a defect of the compiler; the operator can find it in the log by the reference ${reference}`;
  return { kind: 'uncompilable', reference, message };
}

function exhausted(limit: 'time' | 'memory', { timeoutMs, heapMiB }: BadEndLimits): Exhausted {
  const message =
    limit === 'time'
      ? `the compilation was stopped because it took longer than ${timeoutMs / 1_000} s`
      : `the compilation was stopped because it needed more than ${heapMiB} MiB of memory`;
  return { kind: 'exhausted', limit, message };
}
