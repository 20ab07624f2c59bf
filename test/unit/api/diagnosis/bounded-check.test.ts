import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import { PointsmanError } from '../../../../packages/protocol/errors.ts';
import type { Finding } from '../../../../packages/protocol/findings/finding.ts';
import { boundedCheck } from '../../../../services/api/diagnosis/bounded-check.ts';
import { RestateAdmin } from '../../../../services/restate/admin.ts';
import { hangUp } from '../../cli/scripted-api.ts';
import { serve } from '../../cli/doctoring.ts';

const silent = pino({ level: 'silent' });
const ok: Finding = { subject: 'Redis', state: 'ok', summary: 'well', actions: [] };

describe('a time-limited diagnosis check', () => {
  test('reports an error for the checked system when the check hangs beyond its time limit', async () => {
    const hanging = boundedCheck('Redis', () => Promise.withResolvers<Finding[]>().promise, {
      log: silent,
      checkMs: 20,
    });
    expect(await hanging()).toEqual([
      { subject: 'Redis', state: 'error', summary: 'did not respond within 20 ms', actions: [] },
    ]);
  });

  test('is not started again while an earlier run of the same check still hangs', async () => {
    const { promise, resolve } = Promise.withResolvers<Finding[]>();
    let started = 0;
    const begin = () => {
      started += 1;
      return promise;
    };
    const once = boundedCheck('Redis', begin, { log: silent, checkMs: 5 });
    await once();
    await once();
    expect(started).toBe(1);
    resolve([ok]);
    expect(await once()).toEqual([ok]);
    await once();
    expect(started).toBeGreaterThan(1);
  });

  test('that fails with an error meant for clients reports an error with that message', async () => {
    const away = () => Promise.reject(new PointsmanError('unavailable', 'PostgreSQL is unreachable.'));
    expect(await boundedCheck('PostgreSQL', away, { log: silent })()).toEqual([
      { subject: 'PostgreSQL', state: 'error', summary: 'PostgreSQL is unreachable.', actions: [] },
    ]);
    const { url } = await serve({ 'GET /version': hangUp });
    const admin = new RestateAdmin(url);
    const refused = boundedCheck(
      'Restate',
      async () => [{ ...ok, summary: (await admin.version()).version }],
      {
        log: silent,
      },
    );
    expect(await refused()).toMatchObject([
      { subject: 'Restate', state: 'error', summary: 'Restate did not respond to GET /version' },
    ]);
  });

  test('that fails unexpectedly logs the error, and does not reveal it in its result', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const broken = () => Promise.reject(new Error('password authentication failed for user "app"'));
    const findings = await boundedCheck('PostgreSQL', broken, { log })();
    expect(findings).toMatchObject([{ subject: 'PostgreSQL', state: 'error' }]);
    expect(JSON.stringify(findings)).not.toContain('app');
    expect(lines.join('')).toContain('password authentication failed');
  });

  test('never shows the user or the password of a URL, and truncates long texts', async () => {
    const url = 'http://operator:hunter2@restate:9070';
    const stuck: Finding = {
      subject: 'Tenant/acme/publish',
      state: 'error',
      summary: `paused: amqps://guest:hunter2@broker/x failed, ${'x'.repeat(10_000)}`,
      actions: [`RESTATE_ADMIN_URL=${url} npx restate invocations resume inv_1`],
    };
    const [finding] = await boundedCheck('Restate', () => Promise.resolve([stuck]), { log: silent })();
    expect(finding?.actions).toEqual([
      'RESTATE_ADMIN_URL=http://restate:9070 npx restate invocations resume inv_1',
    ]);
    expect(finding?.summary).toMatch(/^paused: amqps:\/\/broker\/x failed, x{1900,2000}…$/);
    expect(JSON.stringify(finding)).not.toMatch(/hunter2|operator|guest/);
  });
});
