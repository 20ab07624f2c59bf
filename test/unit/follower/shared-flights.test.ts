import { expect, test } from 'vitest';

import { SharedFlights } from '../../../packages/client/follower/shared-flights.ts';

const forever = new AbortController().signal;

test('a thousand who ask at once are one flight, and whoever asks after it begins another', async () => {
  const flights = new SharedFlights<number>();
  let begun = 0;
  const ask = () => flights.join('a', forever, async () => ++begun);
  expect(new Set(await Promise.all(Array.from({ length: 1_000 }, ask)))).toEqual(new Set([1]));
  expect(await ask()).toBe(2);
});

test('who stops waiting is let go at once; the flight is given up with the last of them, and then begun anew', async () => {
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

test('a flight that fails fails for all who wait, and for nobody else', async () => {
  const flights = new SharedFlights<string>();
  const fail = () => flights.join('a', forever, () => Promise.reject(new Error('no')));
  expect((await Promise.allSettled([fail(), fail()])).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
  ]);
  expect(await flights.join('a', forever, async () => 'well')).toBe('well');
});
