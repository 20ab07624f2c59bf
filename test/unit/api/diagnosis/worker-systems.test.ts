import { connect } from '@restatedev/restate-sdk-clients';
import { describe, expect, test } from 'vitest';

import { workerSystemsFindings } from '../../../../services/api/diagnosis/worker-systems.ts';
import type { Probed } from '../../../../packages/protocol/health-view.ts';
import { serve } from '../../cli/doctoring.ts';
import { json, type Respond } from '../../cli/scripted-api.ts';

async function findings(answer: Respond | null, worker: Probed = 'ok') {
  const ingress = await serve(answer === null ? {} : { 'POST /Worker/checkSystems': answer });
  const probe = () => Promise.resolve({ postgres: 'ok', restate: 'ok', worker } as const);
  const found = await workerSystemsFindings(connect({ url: ingress.url }), { probe });
  return { found, asked: ingress.seen.length };
}

describe('the check of the worker’s stores in the diagnosis', () => {
  test('reports whether each configured store accepts writes, and names the setting of a store that does not', async () => {
    const redis = { kind: 'down', reason: 'Redis: it is unreachable' };
    const { found } = await findings(json({ postgres: { kind: 'well' }, redis }));
    expect(found).toEqual([
      { subject: 'PostgreSQL', state: 'ok', summary: 'accepts writes from the worker', actions: [] },
      {
        subject: 'Redis',
        state: 'error',
        summary: redis.reason,
        actions: [expect.stringContaining('REDIS_URL')],
      },
    ]);
  });

  test('reports that the worker does not respond through Restate when the worker returns an error', async () => {
    const { found } = await findings(json({ message: 'no worker' }, 500));
    expect(found).toMatchObject([
      {
        subject: 'worker',
        state: 'error',
        summary: expect.stringMatching(/^does not respond through Restate/),
      },
    ]);
  });

  test('reports an unknown state when the worker is too old for the check', async () => {
    const { found } = await findings(null);
    expect(found).toMatchObject([
      { state: 'unknown', summary: 'not checked: the worker has an older version' },
    ]);
  });

  test('sends no request when no worker responds, because Restate would keep the request', async () => {
    const { found, asked } = await findings(json({ postgres: { kind: 'well' } }), 'down');
    expect(found).toMatchObject([{ state: 'unknown', summary: 'not checked: no worker responds' }]);
    expect(asked).toBe(0);
  });
});
