// Calls of the addresses that stand in a job. They hold a capability: none of them is ever logged, and no redirect is followed.
import { setTimeout as delay } from 'node:timers/promises';

const LIMITS = { archiveBytes: 48 * 1024 * 1024, callMs: 30_000, attempts: 8 };

/** This attempt has its answer, or its time is over: there is nothing left to do. */
export class Over extends Error {}

/** Tries again what may pass: the network, 429, 5xx, and bytes that did not arrive as they were sent. */
export async function call(job, url, options) {
  for (let attempt = 1; ; attempt++) {
    const signal = AbortSignal.timeout(LIMITS.callMs);
    const response = await fetch(url, { ...options, redirect: 'manual', signal }).catch(() => null);
    const status = response?.status ?? 0;
    if (response?.ok) {
      const body = await read(response).catch(() => null);
      if (body !== null) return body;
    } else {
      await response?.body?.cancel();
    }
    if (status === 409 || status === 410) throw new Over(`already answered (HTTP ${status})`);
    const passing =
      status < 300 ||
      status >= 500 ||
      [408, 425, 429].includes(status) ||
      (status === 422 && options.method === 'PUT');
    if (!passing || attempt === LIMITS.attempts)
      throw new Error(`HTTP ${status === 0 ? 'got no answer' : status}`);
    const askedMs = 1_000 * Number(response?.headers.get('retry-after') ?? 0);
    const ownMs = 500 * 2 ** attempt * (0.5 + Math.random() / 2);
    const waitMs = Math.max(ownMs, Number.isFinite(askedMs) ? askedMs : 0);
    if (Date.now() + waitMs >= Date.parse(job.deadline)) throw new Over('its deadline is too near');
    await delay(waitMs);
  }
}

async function read(response) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > LIMITS.archiveBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
