import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { publishing, RELEASE, RELEASES } from '../publishing.ts';
import { accepted, hangUp, json, problem, settled } from '../scripted-api.ts';

const bench = publishing();

describe('the request of "pointsman publish"', () => {
  test('contains all options in the form that the API expects', async () => {
    await bench.publish({ [RELEASE]: json(settled('published')) }, [
      '--channel=staging',
      '--on-conflict=queue',
      '--message=why not',
      '--not-before=2026-12-24T08:00+01:00',
      '--if-generation=3',
      '--idempotency-key=build-7',
    ]);
    const { query, headers, body } = bench.seen[0] ?? {
      query: new URLSearchParams(),
      headers: {},
      body: Buffer.of(),
    };
    expect(Object.fromEntries(query)).toEqual({
      channel: 'staging',
      onConflict: 'queue',
      message: 'why not',
      notBefore: '2026-12-24T07:00:00.000Z',
    });
    expect(headers).toMatchObject({
      'if-match': '"3"',
      'idempotency-key': 'build-7',
      'content-type': 'application/gzip',
      authorization: 'Bearer t',
    });
    expect(body.subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
  });

  test('is retried with the same idempotency key when its response is lost or a store is down', async () => {
    const down = problem(503, 'unavailable', 'a store is down', {}, { 'retry-after': '0' });
    const result = await bench.publish({
      [RELEASES]: [hangUp, down, json(accepted(), 202)],
      [RELEASE]: json(settled('published')),
    });
    expect(result.exit).toBe(0);
    const keys = bench.seen
      .filter(({ method }) => method === 'POST')
      .map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  test('is given up after several retries, and the user gets the idempotency key with which it can be repeated', async () => {
    const result = await bench.publish({ [RELEASES]: hangUp });
    expect(result.exit).toBe(11);
    const key = String(bench.seen[0]?.headers['idempotency-key']);
    expect(result.stderr).toContain(`--idempotency-key ${key}`);
  });

  test('contains the same absolute time in each attempt for a relative --not-before', async () => {
    const before = Date.now();
    const result = await bench.publish({ [RELEASES]: hangUp }, ['--not-before=2h']);
    const notBefore = String(bench.seen[0]?.query.get('notBefore'));
    expect(Date.parse(notBefore)).toBeGreaterThanOrEqual(before + 7_200_000);
    expect(new Set(bench.seen.map(({ query }) => query.get('notBefore')))).toEqual(new Set([notBefore]));
    expect(result.stderr).toContain(`--not-before ${notBefore}`);
  });

  test('is not sent for an invalid source', async () => {
    await rm(join(bench.folder, 'agents'), { recursive: true });
    const result = await bench.publish({});
    expect(result.exit).toBe(3);
    expect(bench.seen).toEqual([]);
  });
});

describe('a refused "pointsman publish"', () => {
  test.each([
    [409, 'conflict', 8],
    [412, 'pointer_moved', 8],
    [423, 'held', 8],
    [422, 'idempotency_key_reused', 8],
    [413, 'too_large', 3],
    [401, 'unauthenticated', 9],
    [403, 'forbidden', 9],
    [404, 'not_found', 12],
    [500, 'internal', 1],
  ])(
    'with the status %i and the code "%s" exits with %i and prints the reason',
    async (status, code, exit) => {
      const result = await bench.publish({ [RELEASES]: problem(status, code, 'the very reason') }, [
        '--json',
      ]);
      expect(result.exit).toBe(exit);
      expect(result.stderr).toContain('the very reason');
      expect(JSON.parse(result.stdout)).toMatchObject({ error: { code, status, exit } });
    },
  );
});
