import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import type { Role } from '../../../packages/protocol/access.ts';
import type { ControlPlane } from '../worlds/control-plane.ts';
import { TEST_SECRET_KEY } from '../data/secret-keys.ts';

const MAIN = fileURLToPath(new URL('../../../services/api/main.ts', import.meta.url));
const ADMIN_TOKEN = 'an-admin-token-of-the-benchmark';

/** The API in its own process, as in production. */
export interface ApiProcess {
  readonly url: string;
  /** Sends a request as the admin. Throws unless it succeeds. */
  call(method: string, path: string, json?: unknown): Promise<unknown>;
  /** Reads the value of that metric from `/metrics`. */
  gauge(name: string): Promise<number>;
  /** The resident memory of the process in MiB. */
  residentMiB(): Promise<number>;
  /**
   * The maximum resident memory since the process started, in MiB. The kernel measures it, so it includes every peak.
   */
  peakMiB(): Promise<number>;
  stop(): Promise<void>;
}

const Ready = z.object({ ready: z.literal(true), url: z.string() });

export async function startApiProcess(plane: ControlPlane): Promise<ApiProcess> {
  const child = fork(MAIN, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DATABASE_URL: plane.postgres.appUrl,
      RESTATE_INGRESS_URL: plane.restate.ingressUrl,
      RESTATE_ADMIN_URL: plane.restate.adminUrl,
      POINTSMAN_ADMIN_TOKEN: ADMIN_TOKEN,
      POINTSMAN_SECRET_KEY: TEST_SECRET_KEY,
      POINTSMAN_PORT: '0',
      POINTSMAN_LOG_LEVEL: 'warn',
    },
  });
  const gone = once(child, 'exit');
  const [message] = (await once(child, 'message')) as unknown[];
  const { url } = Ready.parse(message);
  const ask = async (method: string, path: string, json?: unknown): Promise<string> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: json === undefined ? null : JSON.stringify(json),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text;
  };
  return {
    url,
    call: async (method, path, json) => JSON.parse(await ask(method, path, json)) as unknown,
    async gauge(name) {
      const line = (await ask('GET', '/metrics')).split('\n').find((one) => one.startsWith(`${name} `));
      return Number(line?.split(' ')[1]);
    },
    residentMiB: () => memoryMiB(child.pid, 'VmRSS'),
    peakMiB: () => memoryMiB(child.pid, 'VmHWM'),
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function memoryMiB(pid: number | undefined, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024;
}

const MadeToken = z.object({ token: z.string() });

/** Creates a token for that tenant. */
export async function tenantToken(api: ApiProcess, tenant: string, role: Role): Promise<string> {
  const made = await api.call('POST', '/v1/tokens', { name: `bench-${randomUUID()}`, tenant, roles: [role] });
  return MadeToken.parse(made).token;
}
