import { afterEach, expect, test } from 'vitest';

import { moveEvent } from '../../../../packages/protocol/moves/move-event.ts';
import { runCli } from '../../../support/runs/run-cli.ts';
import { DIGEST, events, json, problem, scriptedApi, type ScriptedApi } from '../scripted-api.ts';

const FEED = '/v1/tenants/acme/moves';
const FOLLOWERS = '/v1/tenants/acme/bundles/bot/channels/live/followers';

let api: ScriptedApi | null = null;

afterEach(async () => {
  await api?.close();
  api = null;
});

async function run(args: readonly string[], script: Parameters<typeof scriptedApi>[0]) {
  api = await scriptedApi(script);
  const env = {
    POINTSMAN_URL: api.url,
    POINTSMAN_TOKEN: 't',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(args, { env });
}

function move(seq: number, bundle = 'bot') {
  return moveEvent({
    tenant: 'acme',
    bundle,
    channel: 'live',
    generation: seq,
    seq,
    from: seq === 1 ? null : { version: seq - 1, digest: DIGEST },
    to: { version: seq, digest: DIGEST },
    movedAt: '2026-03-01T12:00:00.123Z',
  });
}

function movedEvents(...moves: ReturnType<typeof move>[]): string {
  return moves
    .map((one) => `id: acme:${one.data.seq}\nevent: moved\ndata: ${JSON.stringify(one)}\n\n`)
    .join('');
}

const isEnded = problem(410, 'cursor_expired', 'what comes after it is no longer kept');

/** Scripts the feed: one page, then streams that are cut, and finally a response that ends the command. */
function feed(next: string, ...streams: string[]) {
  const page = json({ items: [], next, latest: next });
  return { [`GET ${FEED}`]: [page, ...streams.map(events), isEnded] };
}

test('"pointsman follow" prints each move of a pointer once and in order, even when streams are cut and events are repeated', async () => {
  const { exit, stdout, stderr } = await run(
    ['follow'],
    feed('acme:16', movedEvents(move(17), move(18)), movedEvents(move(18), move(19))),
  );
  expect(stdout.split('\n')).toEqual([
    '2026-03-01 12:00:00Z  acme:bot:live:17  v16 → v17  sha256:aaaaaaaaaaaa',
    '2026-03-01 12:00:00Z  acme:bot:live:18  v17 → v18  sha256:aaaaaaaaaaaa',
    '2026-03-01 12:00:00Z  acme:bot:live:19  v18 → v19  sha256:aaaaaaaaaaaa',
    '',
  ]);
  expect(api?.seen[0]?.query.get('after')).toBe('latest');
  expect(api?.seen[1]?.query.get('after')).toBe('acme:16');
  expect(api?.seen[2]?.headers['last-event-id']).toBe('acme:18');
  expect([exit, stderr]).toEqual([8, expect.stringContaining('no longer kept')]);
});

test('"pointsman follow" can print the moves of one bundle only, and prints whole events with --json', async () => {
  const { stdout } = await run(
    ['follow', 'bot', '--channel', 'live', '--after', '0', '--json'],
    feed('acme:0', movedEvents(move(1), move(2, 'other'), move(3))),
  );
  const lines = stdout.trim().split('\n').slice(0, 2);
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([move(1), move(3)]);
  expect(api?.seen[0]?.query.has('after')).toBe(false);
});

test('"pointsman follow" prints why it cannot begin, and sends nothing for an invalid option', async () => {
  const refused = problem(422, 'cursor_ahead', 'the feed has not come so far');
  const ahead = await run(['follow', '--after', '99'], { [`GET ${FEED}`]: refused });
  expect([ahead.exit, ahead.stdout]).toEqual([2, '']);
  expect(api?.seen[0]?.query.get('after')).toBe('acme:99');
  await api?.close();
  expect((await run(['follow', '--after', 'now'], {})).exit).toBe(2);
  expect(api?.seen).toEqual([]);
});

test('"pointsman followers" lists followers in the order of the API, with the generation of each', async () => {
  const follower = {
    generation: 17,
    digest: null,
    since: '2026-03-01T12:00:00.000Z',
    seenAt: '2026-03-01T12:01:00.000Z',
    by: 'fleet',
  };
  const items = [
    { ...follower, follower: 'pod-3', state: 'lost', behindBy: 2, generation: 15 },
    { ...follower, follower: 'pod-1', state: 'behind', behindBy: 17, generation: 0 },
    { ...follower, follower: 'pod-2', state: 'current', behindBy: 0 },
  ];
  const { exit, stdout } = await run(['followers'], { [`GET ${FOLLOWERS}`]: json({ items, next: null }) });
  expect([exit, stdout.split('\n')]).toEqual([
    0,
    [
      'pod-3  lost     generation 15  2 behind   since 2026-03-01 12:00:00Z  last seen at 2026-03-01 12:01:00Z',
      'pod-1  behind   runs nothing   17 behind  since 2026-03-01 12:00:00Z  last seen at 2026-03-01 12:01:00Z',
      'pod-2  current  generation 17             since 2026-03-01 12:00:00Z  last seen at 2026-03-01 12:01:00Z',
      '',
    ],
  ]);
});
