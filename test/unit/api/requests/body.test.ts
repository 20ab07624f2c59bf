import { expect, test } from 'vitest';

import { readBody, skipBody } from '../../../../services/api/requests/body.ts';

/** An endless body, which counts the bytes that were read. */
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

test('a request body is read completely', async () => {
  expect(Buffer.from(await readBody(post('hello'), 5)).toString()).toBe('hello');
});

test('reading a request body stops at the first byte above the limit, and cancels the rest', async () => {
  const { body, stream } = endless();
  await expect(readBody(post(stream), 10_000)).rejects.toMatchObject({ code: 'too_large' });
  expect(body.pulled).toBe(11_000);
  expect(body.cancelled).toBe(true);
});

test('a request body with a Content-Length above the limit is not read at all', async () => {
  const { body, stream } = endless();
  const request = post(stream, { 'content-length': '10001' });
  await expect(readBody(request, 10_000)).rejects.toMatchObject({ code: 'too_large' });
  expect(body.pulled).toBe(0);
});

test('a request body that breaks off is reported as malformed', async () => {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error('reset')),
  });
  await expect(readBody(post(stream), 10)).rejects.toMatchObject({ code: 'malformed' });
});

/** A body that the test sends in pieces. */
function sent() {
  const state = { controller: null as ReadableStreamDefaultController<Uint8Array> | null };
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => void (state.controller = controller),
  });
  return {
    stream,
    send: (bytes: number) => state.controller?.enqueue(new Uint8Array(bytes)),
    end: () => state.controller?.close(),
  };
}

const pace = { windowMs: 50, bytes: 100, lateMs: 60_000 };

test('a request body whose sender stalls is ended after one time window, even if its first bytes were fast', async () => {
  const { stream, send } = sent();
  send(1_000);
  await expect(readBody(post(stream), 10_000, { pace })).rejects.toMatchObject({ code: 'too_slow' });
});

test('a request body that trickles in is ended, and its fast first bytes do not count in later time windows', async () => {
  const { stream, send } = sent();
  send(9_000);
  const trickle = setInterval(() => send(1), 5);
  await expect(readBody(post(stream), 10_000, { pace })).rejects.toMatchObject({ code: 'too_slow' });
  clearInterval(trickle);
});

test('a request body that keeps the minimum rate is read to its end, however long that takes', async () => {
  const { stream, send, end } = sent();
  let pieces = 0;
  const steady = setInterval(() => {
    send(1_000);
    if (++pieces < 120) return;
    clearInterval(steady);
    end();
  }, 5);
  const slow = { windowMs: 200, bytes: 100, lateMs: 20 };
  expect((await readBody(post(stream), 200_000, { pace: slow })).byteLength).toBe(120_000);
});

test('a late rate check of a request body does not count, because the process was busy and could not read anything', async () => {
  const { stream, send, end } = sent();
  const read = readBody(post(stream), 10_000, { pace: { ...pace, lateMs: 20 } });
  const busyUntil = performance.now() + 200;
  while (performance.now() < busyUntil);
  setTimeout(() => {
    send(7);
    end();
  }, 0);
  expect((await read).byteLength).toBe(7);
});

test('a request body that is skipped has the same limits, and only its size is returned', async () => {
  const pieces: number[] = [];
  const onChunk = (bytes: number): number => pieces.push(bytes);
  expect(await skipBody(post('hello'), 5, { onChunk })).toBe(5);
  expect(pieces).toEqual([5]);
  await expect(skipBody(post('hello!'), 5)).rejects.toMatchObject({ code: 'too_large' });
  await expect(skipBody(post(sent().stream), 5, { pace })).rejects.toMatchObject({ code: 'too_slow' });
});
