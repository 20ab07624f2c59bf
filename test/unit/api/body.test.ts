import { expect, test } from 'vitest';

import { BodyBudget, readBody } from '../../../services/api/body.ts';

/** A body that never ends by itself, and counts what was taken of it. */
function endless() {
  const body = { pulled: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        body.pulled += 1_000;
        controller.enqueue(new Uint8Array(1_000));
      },
      cancel() {
        body.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, stream };
}

function post(body: RequestInit['body'], headers: Record<string, string> = {}): Request {
  return new Request('http://test/', { method: 'POST', body: body ?? null, headers, duplex: 'half' });
}

test('a body comes out whole', async () => {
  expect(Buffer.from(await readBody(post('hello'), 5)).toString()).toBe('hello');
});

test('reading stops at the first byte past the limit, and the rest is not asked for', async () => {
  const { body, stream } = endless();
  await expect(readBody(post(stream), 10_000)).rejects.toMatchObject({ code: 'too_large' });
  expect(body.pulled).toBe(11_000);
  expect(body.cancelled).toBe(true);
});

test('a body that promises too much is not read at all', async () => {
  const { body, stream } = endless();
  const request = post(stream, { 'content-length': '10001' });
  await expect(readBody(request, 10_000)).rejects.toMatchObject({ code: 'too_large' });
  expect(body.pulled).toBe(0);
});

test('a body that breaks off is malformed', async () => {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error('reset')),
  });
  await expect(readBody(post(stream), 10)).rejects.toMatchObject({ code: 'malformed' });
});

test('bodies together take no more than the budget, and give it back', () => {
  const budget = new BodyBudget({ bytes: 100, bytesOfTenant: 100 });
  const first = budget.open('a');
  first.take(60);
  const second = budget.open('b');
  expect(() => second.take(50)).toThrow(expect.objectContaining({ code: 'busy' }));
  first.release();
  second.take(50);
  expect(budget.held).toBe(50);
  second.release();
  second.release();
  expect(budget.held).toBe(0);
});

test('one tenant alone can not take all of the budget', () => {
  const budget = new BodyBudget({ bytes: 100, bytesOfTenant: 50 });
  const greedy = budget.open('a');
  greedy.take(40);
  expect(() => budget.open('a').take(20)).toThrow(expect.objectContaining({ code: 'busy' }));
  budget.open('b').take(50);
  greedy.release();
  budget.open('a').take(50);
  expect(budget.held).toBe(100);
});
