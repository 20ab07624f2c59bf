import type { z } from 'zod';

import type { Finding } from '@pointsman/protocol/findings/finding';
import { SILENT_WORKER } from '@pointsman/protocol/findings/finding-texts';
import { AliveView, ReadyView } from '@pointsman/protocol/health-view';
import { paths } from '@pointsman/protocol/paths';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { lenient } from '@pointsman/client/internal/http/lenient';
import { ApiProblem } from '../failures.ts';
import { check, hasError } from './check.ts';

/**
 * Checks that the API responds. If it does not, `doctor` runs no other check, because each would fail for the
 * same reason.
 */
export async function livenessFindings(client: ApiClient): Promise<Finding[]> {
  return check('API', async () => {
    await client.call('GET', paths.alive, Alive);
    return [{ subject: 'API', state: 'ok', summary: client.url, actions: [] }];
  });
}

/** The findings about the API and the token, and what the token permits. */
export interface ApiFindings {
  readonly findings: readonly Finding[];
  readonly acceptsToken: boolean;
  /** True if the token may list all tenants. Only the token of a platform admin may do that. */
  readonly listsTenants: boolean;
}

/** Checks that the API reaches PostgreSQL, Restate and a worker, and that it accepts the token. */
export async function apiFindings(client: ApiClient): Promise<ApiFindings> {
  let listsTenants = true;
  const [stores, token] = await Promise.all([
    check('stores', async () => {
      const { worker } = await client.call('GET', paths.ready, Ready);
      const summary = 'the API reaches PostgreSQL and Restate';
      return [{ subject: 'stores', state: 'ok', summary, actions: [] }, ...workerFindings(worker)];
    }),
    check('token', async () => {
      await client.send('GET', paths.tenants, { query: { limit: 1 } }).catch((error: unknown) => {
        if (!(error instanceof ApiProblem) || error.problem.status !== 403) throw error;
        // The API accepts the token, but the token may not list tenants because it does not belong to a
        // platform admin.
        listsTenants = false;
      });
      return [{ subject: 'token', state: 'ok', summary: 'accepted', actions: [] }];
    }),
  ]);
  return { findings: [...stores, ...token], acceptsToken: !hasError(token), listsTenants };
}

function workerFindings(worker: Ready['worker']): Finding[] {
  if (worker === undefined) return [];
  if (worker === 'down') return [SILENT_WORKER];
  return [{ subject: 'worker', state: 'ok', summary: 'responds through Restate', actions: [] }];
}

const Alive = lenient(AliveView);

// An older API does not report the worker.
const Ready = lenient(ReadyView.pick({ worker: true }).partial());
type Ready = z.infer<typeof Ready>;
