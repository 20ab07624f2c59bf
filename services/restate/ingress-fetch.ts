import { request } from 'undici';

type Fetch = typeof globalThis.fetch;

/** The properties of a response that the Restate client reads. */
type ClientResponse = Pick<Response, 'ok' | 'status' | 'arrayBuffer' | 'text'> & {
  readonly headers: Pick<Headers, 'get'>;
};

/**
 * Sends the requests of the Restate client. `fetch` takes three times as much processor time for a small call, because it creates a web
 * stream for each body.
 */
export const ingressFetch: Fetch = async (url, { method = 'GET', headers, body, signal } = {}) => {
  const answer = await request(url instanceof Request ? url.url : url, {
    method,
    headers: headers as Record<string, string>,
    body: (body ?? null) as Uint8Array | string | null,
    signal: signal ?? null,
  });
  const response: ClientResponse = {
    status: answer.statusCode,
    ok: answer.statusCode >= 200 && answer.statusCode < 300,
    headers: { get: (name) => [answer.headers[name]].flat()[0] ?? null },
    arrayBuffer: () => answer.body.arrayBuffer(),
    text: () => answer.body.text(),
  };
  return response as Response;
};
