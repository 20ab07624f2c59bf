import { describe, expect, test } from 'vitest';

import { expectProblem, gatedApi } from '../../support/worlds/gated-api.ts';
import { itemsOf } from '../../support/data/tokens.ts';

// Tests how lists and event streams show releases that wait.

const at = gatedApi();

const RELEASE = { approval: { name: 'release' } };

describe('the list of open gates', () => {
  test('goes page by page, includes the release of each gate, and omits decided gates', async () => {
    await at.policy(RELEASE, { check: { name: 'e2e' } });
    const version = await at.publish();
    const digest = await at.waiting(version, 2);
    const first = await at.call('viewer', 'GET', 'gates', '?state=open&limit=1');
    const rest = await at.call('viewer', 'GET', 'gates', `?limit=1&cursor=${String(first.json['next'])}`);
    expect(rest.json['next']).toBeNull();
    const all = [...itemsOf(first), ...itemsOf(rest)];
    expect(all.map(({ gate }) => gate)).toEqual(['e2e', 'release']);
    expect(all[1]).toMatchObject({
      bundle: 'bot',
      version,
      channel: 'live',
      correlationId: `${at.tenant}:bot:v${version}`,
      digest,
      author: 'ci',
      needed: 1,
      statusText: 'waits for 1 of 1 approval by a token with the role approver',
      decisions: [],
    });
    await at.approve('alice', version);
    expect(itemsOf(await at.call('viewer', 'GET', 'gates')).map(({ gate }) => gate)).toEqual(['e2e']);
    expectProblem(await at.call('viewer', 'GET', 'gates', '?state=closed'), 422, 'invalid_request');
    expectProblem(await at.call('viewer', 'GET', 'gates', '?cursor=WzFd'), 422, 'invalid_request');
  });
});

describe('the event stream of a release', () => {
  /**
   * Reads events until the stream ends or `count` events have arrived. Returns the ids and the contents of the
   * events.
   */
  async function events(version: number, last: string | null, count = Infinity): Promise<string[]> {
    const stop = new AbortController();
    const response = await fetch(
      `${at.api.url}/v1/tenants/${at.tenant}/bundles/bot/releases/${version}/events`,
      {
        headers: {
          authorization: `Bearer ${at.token('viewer')}`,
          ...(last === null ? {} : { 'last-event-id': last }),
        },
        signal: AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)]),
      },
    );
    const seen: string[] = [];
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      for (const event of whole.filter((one) => one.startsWith('id: '))) {
        const [, id, name, data] = /^id: (.+)\nevent: (.+)\ndata: (.+)$/.exec(event) ?? [];
        const { gate, change, stage, outcome, by, state } = JSON.parse(data ?? '') as Record<string, string>;
        const about = gate === undefined ? [stage ?? outcome, state] : [gate, change, by];
        seen.push([id, name, ...about].filter(Boolean).join(' '));
        if (seen.length >= count) {
          stop.abort();
          return seen;
        }
      }
    }
    return seen;
  }

  test('shows the wait of the release and every change of its gates, and can be resumed after any event without a gap', async () => {
    await at.policy({ approval: { name: 'release', count: 2 } });
    const version = await at.publish();
    await at.waiting(version);
    const upToNow = await events(version, '6', 2);
    expect(upToNow).toEqual(['7 stage gate running', '7.1 gate release opened']);
    const live = events(version, '7.1');
    await at.approve('alice', version);
    await at.approve('bob', version);
    const rest = await live;
    expect(rest.slice(0, 5)).toEqual([
      '7.2 gate release decided alice',
      '7.3 gate release decided bob',
      '7.4 gate release passed',
      '8 stage gate passed',
      '9 stage swap running',
    ]);
    expect(rest.at(-1)).toMatch(/^15 settled published/);
    expect(await events(version, '7.3')).toEqual(rest.slice(2));
    expect(await events(version, null)).toEqual(expect.arrayContaining([...upToNow, ...rest]));
  });
});
