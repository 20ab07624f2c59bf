import { expect } from 'vitest';

import type { TestStack } from './stack.ts';

/** A stack of stand-ins that tests call. */
type Called = Pick<TestStack, 'apiUrl'>;

const CALL_MS = 60_000;

/** Gets a path of the stand-in of the API, and returns the JSON. */
export async function get({ apiUrl }: Called, path: string): Promise<unknown> {
  const answer = await fetch(apiUrl + path, { signal: AbortSignal.timeout(CALL_MS) });
  return answer.json();
}

/** Returns the notes that the stand-in of the API has stored in PostgreSQL. */
export async function notes(stack: Called): Promise<string[]> {
  return ((await get(stack, '/notes')) as { note: string }[]).map((row) => row.note);
}

/** Stores a note in PostgreSQL, through the stand-in of the API. */
export async function note({ apiUrl }: Called, text: string): Promise<void> {
  const answer = await fetch(`${apiUrl}/notes`, {
    method: 'POST',
    body: text,
    signal: AbortSignal.timeout(CALL_MS),
  });
  expect(answer.status).toBe(200);
}

/** Calls a handler of the stand-in of the worker through Restate, and returns the JSON. */
export async function call(
  { restate }: Pick<TestStack, 'restate'>,
  path: string,
  body: unknown,
): Promise<unknown> {
  return (await post(`${restate.ingressUrl}/${path}`, body)).json();
}

export async function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(CALL_MS),
  });
}
