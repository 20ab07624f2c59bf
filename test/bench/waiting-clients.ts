import { Agent, request } from 'undici';

import { type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { eventually } from '../support/runs/eventually.ts';
import { type ApiProcess, startApiProcess, tenantToken } from '../support/processes/api-process.ts';
import { drive, Series, type BenchRow } from './measure.ts';
import { ourPublish } from './publish.ts';

const CLIENTS = 1_000;
const WARM_UP = 5_000;
const ROUNDS = 3;

interface Waiting {
  readonly what: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

const WAYS: readonly Waiting[] = [
  { what: 'long-polls', query: '?wait=50s', headers: { 'if-none-match': '"1"' } },
  { what: 'event streams', query: '', headers: { accept: 'text/event-stream' } },
];

/**
 * Measures how much the memory of the API process grows while 1,000 clients wait, each on its own connection. Each
 * round measures the resident memory of a new process, after thousands of reads have brought it to its usual size
 * under load. That memory includes garbage, so the time of a garbage collection is the error of these values.
 */
export async function benchWaitingClients(plane: ControlPlane): Promise<BenchRow[]> {
  const tenant = await newTenant(plane);
  await ourPublish(plane, tenant);
  const rows: BenchRow[] = [];
  for (const way of WAYS) {
    const grown: number[] = [];
    for (let round = 0; round < ROUNDS; round++) grown.push(await growthMiB(plane, tenant, way));
    const [low = Number.NaN, middle, high] = grown.toSorted((a, b) => a - b);
    rows.push({
      name: `resident memory of the API for ${CLIENTS} ${way.what} on one pointer`,
      measured: `${middle?.toFixed(1)} MiB (${low.toFixed(1)} to ${high?.toFixed(1)} in ${ROUNDS} processes)`,
    });
  }
  return rows;
}

async function growthMiB(plane: ControlPlane, tenant: string, { query, headers }: Waiting): Promise<number> {
  const api = await startApiProcess(plane);
  try {
    const authorization = `Bearer ${await tenantToken(api, tenant, 'follower')}`;
    const url = `${api.url}/v1/tenants/${tenant}/bundles/bundle/channels/live`;
    await drive(new Series(), { count: WARM_UP, clients: 50 }, async () => {
      await (await request(url, { headers: { authorization } })).body.dump();
      return 0;
    });
    const beforeMiB = await api.residentMiB();
    const asked = { url: url + query, headers: { authorization, ...headers } };
    return await whileWaiting(api, asked, async () => (await api.residentMiB()) - beforeMiB);
  } finally {
    await api.stop();
  }
}

async function whileWaiting<T>(
  api: ApiProcess,
  { url, headers }: { url: string; headers: Record<string, string> },
  work: () => Promise<T>,
): Promise<T> {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const end = new AbortController();
  const readers = Array.from({ length: CLIENTS }, async () => {
    const { body } = await request(url, { headers, dispatcher, signal: end.signal });
    await body.dump();
  });
  const over = Promise.allSettled(readers);
  const waiting = (count: number): Promise<true> =>
    eventually(async () => (await api.gauge('pointsman_waiting_readers')) === count, {
      what: `${count} clients wait`,
    });
  try {
    await waiting(CLIENTS);
    return await work();
  } finally {
    end.abort();
    await over;
    await waiting(0);
    await dispatcher.destroy();
  }
}
