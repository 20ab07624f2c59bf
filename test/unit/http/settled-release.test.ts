import { afterEach, describe, expect, test } from 'vitest';

import { apiClient } from '../../../packages/client/http/client.ts';
import { settledRelease } from '../../../packages/client/http/publish.ts';
import { json, release, scriptedApi, type Respond, type ScriptedApi } from '../cli/scripted-api.ts';

const RELEASE = 'GET /v1/tenants/acme/bundles/bot/releases/1';

let api: ScriptedApi;

afterEach(() => api.close());

async function wait(read: Respond | readonly Respond[], signal: AbortSignal) {
  api = await scriptedApi({ [RELEASE]: read });
  const client = apiClient({ url: api.url, token: 't' }, { firstRetryMs: 5 });
  return settledRelease(client, { tenant: 'acme', bundle: 'bot', version: 1 }, signal);
}

describe('the wait for a settled release', () => {
  test('returns the release once it has settled, even without an event stream', async () => {
    const settled = release({ status: 'settled', outcome: 'published' });
    const reads = [json(release({ status: 'running' })), json(settled)];
    const found = await wait(reads, new AbortController().signal);
    expect([found.status, found.outcome]).toEqual(['settled', 'published']);
  });

  test('throws the reason of its abort signal when it is aborted during a read of the release', async () => {
    const ended = new AbortController();
    const reason = new Error('the job was stopped');
    const waiting = wait(() => ended.abort(reason), ended.signal);
    await expect(waiting).rejects.toBe(reason);
  });

  test('throws the reason of its abort signal when it is aborted between two reads', async () => {
    const ended = new AbortController();
    const reason = new Error('the job was stopped');
    const running = json(release({ status: 'running' }));
    let reads = 0;
    const waiting = wait((seen, response) => {
      running(seen, response);
      reads += 1;
      if (reads === 2) response.once('close', () => ended.abort(reason));
    }, ended.signal);
    await expect(waiting).rejects.toBe(reason);
  });
});
