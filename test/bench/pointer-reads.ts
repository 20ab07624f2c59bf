import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import autocannon from 'autocannon';
import { z } from 'zod';

import { type ControlPlane, newTenant } from '../support/worlds/control-plane.ts';
import { type ApiProcess, tenantToken } from '../support/processes/api-process.ts';
import type { BenchRow } from './measure.ts';
import { startNginx } from './nginx.ts';
import { ourPublish } from './publish.ts';

const CONNECTIONS = 50;
const SECONDS = 4;
const ROUNDS = 5;

interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Measures conditional reads of a pointer that has not moved, with a tenant's token. For comparison, it reads an
 * unchanged file of the same size from nginx, and requests a Node server that responds without examining the request.
 */
export async function benchPointerReads(plane: ControlPlane, api: ApiProcess): Promise<BenchRow[]> {
  const tenant = await newTenant(plane);
  await ourPublish(plane, tenant);
  const authorization = `Bearer ${await tenantToken(api, tenant, 'viewer')}`;
  const url = `${api.url}/v1/tenants/${tenant}/bundles/bundle/channels/live`;
  const pointer = await known({ url, headers: { authorization } });
  const nginx = await startNginx(pointer.body);
  const bare = await startBare();
  try {
    const file = nginx === null ? null : await known({ url: nginx.url, headers: {} });
    const [ours, theirs, least]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round <= ROUNDS; round++) {
      const own = await perSecond(pointer);
      const floor = file === null ? 0 : await perSecond(file);
      const empty = await perSecond({ url: bare.url, headers: {} });
      // The first round is a warm-up and is not counted.
      if (round === 0) continue;
      ours.push(own);
      theirs.push(floor);
      least.push(empty);
    }
    const name = `reads of a pointer a second, all of them 304, ${CONNECTIONS} connections, a tenant's token`;
    const measured = `${median(ours).toFixed(0)}/s`;
    return [
      {
        name: `${name}; beside Node`,
        measured,
        floor: `${median(least).toFixed(0)}/s by a server in Node that says 304 to everything`,
        ratio: median(ours) / median(least),
      },
      nginx === null
        ? { name, measured, floor: 'nothing: there is no nginx on this machine (apt-get install nginx)' }
        : {
            name: `${name}; beside nginx`,
            measured,
            floor: `${median(theirs).toFixed(0)}/s by an nginx of one worker, a static file of the same ${pointer.body.length} bytes`,
            ratio: median(ours) / median(theirs),
            aim: 'at least 0.5',
          },
    ];
  } finally {
    await nginx?.stop();
    await bare.stop();
  }
}

const Listening = z.object({ url: z.string() });

async function startBare(): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = fork(fileURLToPath(new URL('./bare-process.ts', import.meta.url)));
  const gone = once(child, 'exit');
  const [message] = (await once(child, 'message')) as unknown[];
  return {
    url: Listening.parse(message).url,
    async stop() {
      child.disconnect();
      await gone;
    },
  };
}

/** Sends the request once, and returns the same request with the ETag of the response in `if-none-match`. */
async function known({ url, headers }: Asked): Promise<Asked & { readonly body: string }> {
  const response = await fetch(url, { headers });
  const etag = response.headers.get('etag');
  const body = await response.text();
  if (!response.ok || etag === null) throw new Error(`${url} was answered ${response.status}: ${body}`);
  return { url, headers: { ...headers, 'if-none-match': etag }, body };
}

async function perSecond({ url, headers }: Asked): Promise<number> {
  const result = await autocannon({
    url,
    headers: { ...headers },
    connections: CONNECTIONS,
    duration: SECONDS,
  });
  const { '3xx': notModified, errors } = result;
  if (errors > 0 || notModified !== result.requests.total)
    throw new Error(`of ${result.requests.total} answers ${notModified} were 304, with ${errors} errors`);
  return notModified / result.duration;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
