import { describe, expect, test } from 'vitest';

import { restateFindings } from '../../../../services/api/diagnosis/restate.ts';
import { serve } from '../../cli/doctoring.ts';
import { json } from '../../cli/scripted-api.ts';
import { scriptedRestate } from './scripted-restate.ts';

const retried = (retries: number, nth = 1) => ({
  id: `inv_${nth}`,
  target: `Tenant/acme-${nth}/publish`,
  status: 'backing-off',
  retry_count: retries,
});

describe('the Restate check of the diagnosis', () => {
  test('reports the version and the address of a Restate server without stuck invocations', async () => {
    const { url } = await serve(scriptedRestate());
    expect(await restateFindings(url)).toEqual([
      { subject: 'Restate', state: 'ok', summary: `1.7.12 at ${url}`, actions: [] },
    ]);
  });

  test('reports an unknown state when no admin address is configured, and names the setting', async () => {
    expect(await restateFindings(null)).toMatchObject([
      { subject: 'Restate', state: 'unknown', actions: [expect.stringContaining('RESTATE_ADMIN_URL')] },
    ]);
  });

  test('reports a paused invocation of any service of the worker as an error, with the command that resumes it', async () => {
    const target = 'Compensation/acme/bot/v1/undo';
    const paused = { id: 'inv_1', target, status: 'paused', last_failure: 'no disk' };
    const admin = await serve(scriptedRestate(paused));
    expect(await restateFindings(admin.url)).toContainEqual({
      subject: target,
      state: 'error',
      summary: 'paused: no disk',
      actions: [
        `After fixing the cause: RESTATE_ADMIN_URL=${admin.url} npx restate invocations resume inv_1`,
        expect.stringMatching(/ cancel inv_1$/),
      ],
    });
    const query = admin.seen.find(({ method }) => method === 'POST')?.body;
    expect(String(query)).toContain("IN ('Tenant', 'Compensation')");
  });

  test.each([
    [7, 'warning'],
    [8, 'error'],
  ])('reports an invocation that was retried %i times as a %s', async (retries, state) => {
    const { url } = await serve(scriptedRestate(retried(retries)));
    expect(await restateFindings(url)).toContainEqual(
      expect.objectContaining({ subject: 'Tenant/acme-1/publish', state }),
    );
  });

  test('lists 20 stuck invocations, and states that there are more', async () => {
    const rows = Array.from({ length: 21 }, (_, nth) => retried(1, nth));
    const { url } = await serve(scriptedRestate(...rows));
    const findings = await restateFindings(url);
    expect(findings.filter(({ subject }) => subject.startsWith('Tenant/'))).toHaveLength(20);
    expect(findings.at(-1)).toMatchObject({
      subject: 'Restate',
      state: 'error',
      summary: expect.stringContaining('more than 20'),
    });
  });

  test('reports a Restate server without a registered worker as an error', async () => {
    const { url } = await serve({ ...scriptedRestate(), 'GET /deployments': json({ deployments: [] }) });
    expect(await restateFindings(url)).toMatchObject([
      { subject: 'Restate', state: 'error', summary: expect.stringMatching(/^1\.7\.12 has no worker/) },
    ]);
  });
});
