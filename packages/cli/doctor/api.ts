import { z } from 'zod';

import { tenantsPath } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { check, type Finding } from './finding.ts';
import { SILENT_WORKER } from './worker-systems.ts';

/**
 * The API's report about itself and its stores. Without the API no further checks are possible through it; without a worker none through
 * Restate.
 */
export interface ApiFindings {
  readonly findings: readonly Finding[];
  /** The API responds and accepts the token. */
  readonly answers: boolean;
  readonly workerAnswers: boolean;
}

/** Whether the API responds, reaches its stores and a worker, and accepts the token. */
export async function apiFindings(client: ApiClient): Promise<ApiFindings> {
  const alive = await check('API', async () => {
    await client.call('GET', '/healthz', Alive);
    return [{ subject: 'API', state: 'ok', summary: client.url }];
  });
  // Further checks would fail for the same reason.
  if (hasError(alive)) return { findings: alive, answers: false, workerAnswers: false };
  let worker: Ready['worker'];
  const [stores, token] = await Promise.all([
    check('stores', async () => {
      ({ worker } = await client.call('GET', '/readyz', Ready));
      const summary = 'the API reaches PostgreSQL and Restate';
      return [{ subject: 'stores', state: 'ok', summary }, ...workerFindings(worker)];
    }),
    check('token', async () => {
      await client.send('GET', tenantsPath, { query: { limit: 1 } });
      return [{ subject: 'token', state: 'ok', summary: 'accepted' }];
    }),
  ]);
  return {
    findings: [...alive, ...stores, ...token],
    answers: !hasError(token),
    workerAnswers: worker === 'ok',
  };
}

function hasError(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'error');
}

function workerFindings(worker: Ready['worker']): Finding[] {
  if (worker === undefined) return [];
  if (worker === 'ok') return [{ subject: 'worker', state: 'ok', summary: 'responds through Restate' }];
  return [SILENT_WORKER];
}

/** An older API does not report the worker. */
const Ready = z.looseObject({ worker: z.enum(['ok', 'down']).optional() });
type Ready = z.infer<typeof Ready>;

const Alive = z.looseObject({ status: z.string() });
