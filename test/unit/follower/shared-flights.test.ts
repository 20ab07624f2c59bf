import { expect, test } from 'vitest';

import { SharedFlights } from '../../../packages/client/follower/shared-flights.ts';

const forever = new AbortController().signal;

test('a thousand concurrent callers share one request in flight, and a later caller starts another one', async () => {
  const flights = new SharedFlights<number>();
  let begun = 0;
  const ask = () => flights.join('a', forever, async () => ++begun);
  expect(new Set(await Promise.all(Array.from({ length: 1_000 }, ask)))).toEqual(new Set([1]));
  expect(await ask()).toBe(2);
});

test('a caller can leave a shared request immediately, and the request is aborted when its last caller leaves', async () => {
  const flights = new SharedFlights<string>();
  const given: string[] = [];
  const begin = (name: string) => (signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        given.push(name);
        reject(signal.reason as Error);
      });
    });
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flights.join('a', one.signal, begin('first'));
  const second = flights.join('a', two.signal, begin('second'));
  one.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  expect(given).toEqual([]);
  two.abort(new Error('gone too'));
  await expect(second).rejects.toThrow('gone too');
  expect(given).toEqual(['first']);
  expect(await flights.join('a', forever, async () => 'another')).toBe('another');
});

test('a failed shared request fails only for the callers that share it', async () => {
  const flights = new SharedFlights<string>();
  const fail = () => flights.join('a', forever, () => Promise.reject(new Error('no')));
  expect((await Promise.allSettled([fail(), fail()])).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
  ]);
  expect(await flights.join('a', forever, async () => 'well')).toBe('well');
});
