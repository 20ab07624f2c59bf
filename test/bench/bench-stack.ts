import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Agent, request } from 'undici';

/** The parts of a stack whose processor time is counted separately. */
export const PARTS = ['restate', 'postgres', 'worker', 'api', 'other'] as const;
export type Part = (typeof PARTS)[number];

/** A whole stack of one checkout, as `npm start` runs it, in its own folder and on its own port. */
export interface BenchStack {
  /** The address of the API, and the token of the bootstrap admin. */
  readonly connection: { readonly url: string; readonly token: string };
  /** Sends a request of the bootstrap admin. Throws for a status of 400 or more. */
  call(
    method: 'GET' | 'POST',
    path: string,
    more?: { readonly json?: unknown; readonly etag?: string },
  ): Promise<{ readonly status: number; readonly etag: string; readonly json: Record<string, unknown> }>;
  /** The processor time of each part since its start, in milliseconds. */
  cpuMs(): Record<Part, number>;
  /** The memory of each part, in MiB. Shared pages are divided among the processes that share them. */
  memoryMiB(): Record<Part, number>;
  /** The size of the data folder, in MiB. */
  diskMiB(): number;
  /** Ends all processes and starts them again with the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A tenant with a pointer, and the entity tag of that pointer. */
export interface LivePointer {
  readonly tenant: string;
  etag: string;
}

/** The path of the bundle that every tenant of a benchmark has. */
export const bundlePath = (tenant: string): string => `/v1/tenants/${tenant}/bundles/${BUNDLE}`;

export const BUNDLE = 'bot';

/** Clock ticks per second in /proc. */
const TICKS = 100;
const START_MS = 120_000;

/** Starts the stack of the checkout in that folder, whose packages are installed. */
export async function startBenchStack(checkout: string): Promise<BenchStack> {
  const home = mkdtempSync(join(tmpdir(), 'pointsman-bench-'));
  const token = crypto.randomUUID();
  const port = await freePort();
  const agent = new Agent({ connections: 256, headersTimeout: 120_000, bodyTimeout: 120_000 });
  const main = ['packages/dev/stack/main.ts', 'services/stack/main.ts']
    .map((path) => join(checkout, path))
    .find((path) => existsSync(path));
  if (main === undefined) throw new Error(`${checkout} has no stack`);
  const begin = () => {
    const env = {
      ...process.env,
      POINTSMAN_HOME: home,
      POINTSMAN_PORT: String(port),
      POINTSMAN_ADMIN_TOKEN: token,
      POINTSMAN_LOG_LEVEL: 'warn',
    };
    return spawn(process.execPath, [main], { cwd: checkout, env, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  let child = begin();
  const end = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
  const url = `http://127.0.0.1:${port}`;
  const stack: BenchStack = {
    connection: { url, token },
    async call(method, path, { json, etag } = {}) {
      const answer = await request(`${url}${path}`, {
        dispatcher: agent,
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
        },
        body: json === undefined ? null : JSON.stringify(json),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 400) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
      const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
      return { status: answer.statusCode, etag: String(answer.headers['etag'] ?? ''), json: body };
    },
    cpuMs: () => summed(child.pid ?? 0, processorMsOf),
    memoryMiB: () => summed(child.pid ?? 0, memoryMiBOf),
    diskMiB: () => Number(execFileSync('du', ['-sk', home], { encoding: 'utf8' }).split('\t')[0]) / 1_024,
    async restart() {
      await end();
      child = begin();
      await ready(stack);
    },
    async stop() {
      await end();
      await agent.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  await ready(stack);
  return stack;
}

async function ready(stack: BenchStack): Promise<void> {
  const until = performance.now() + START_MS;
  for (;;) {
    try {
      await stack.call('GET', '/readyz');
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Creates a tenant with one published release. */
export async function newPointer(
  stack: BenchStack,
  tenant: string,
  files: Readonly<Record<string, string>>,
): Promise<LivePointer> {
  await stack.call('POST', '/v1/tenants', { json: { tenant } });
  await stack.call('POST', `${bundlePath(tenant)}/releases`, { json: { files } });
  const pointer = { tenant, etag: '"0"' };
  await nextMove(stack, pointer);
  return pointer;
}

/** Waits until the pointer has moved. A pointer that does not exist yet, or has not moved, is asked for again. */
export async function nextMove(stack: BenchStack, pointer: LivePointer): Promise<void> {
  const path = `${bundlePath(pointer.tenant)}/channels/live?wait=30s`;
  for (;;) {
    const answer = await stack.call('GET', path, { etag: pointer.etag }).catch(() => null);
    if (answer?.status === 200 && answer.etag !== pointer.etag) {
      pointer.etag = answer.etag;
      return;
    }
  }
}

/** The processor time of a process and of all processes below it, in milliseconds. */
export function processorMsBelow(root: number): number {
  const parts = summed(root, processorMsOf);
  return PARTS.reduce((total, part) => total + parts[part], 0);
}

function processorMsOf(pid: number): number {
  return ((statOf(pid)?.ticks ?? 0) * 1_000) / TICKS;
}

/** Sums a value over all processes below this one, by part. The process itself counts as `other`. */
function summed(root: number, valueOf: (pid: number) => number): Record<Part, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (stat !== null) parents.set(Number(name), stat.parent);
  }
  const sums: Record<Part, number> = { restate: 0, postgres: 0, worker: 0, api: 0, other: 0 };
  for (const pid of parents.keys()) {
    const line: number[] = [];
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) line.push(at);
    if (line.includes(root)) sums[partOf(line)] += valueOf(pid);
  }
  return sums;
}

/** The parent of a process, and the processor time of the process and of its children that have ended. */
function statOf(pid: number): { readonly parent: number; readonly ticks: number } | null {
  // The name of the process, in brackets, may contain spaces. The fields after it are numbered from 3 in proc(5).
  const fields = readOrEmpty(`/proc/${pid}/stat`)
    .replace(/^.*\) /, '')
    .split(' ');
  const field = (n: number): number => Number(fields[n - 3]);
  return fields.length < 15
    ? null
    : { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function memoryMiBOf(pid: number): number {
  const kib = /^Pss: +(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1];
  return Number(kib ?? 0) / 1_024;
}

/** The part to which a process belongs: the first process on the way up that identifies one. */
function partOf(line: readonly number[]): Part {
  for (const pid of line) {
    const command = commandOf(pid);
    if (command.includes('restate-server')) return 'restate';
    if (/(^|\/)postgres\b|postgres:/.test(command)) return 'postgres';
    if (/services\/worker\/main/.test(command)) return 'worker';
    if (/services\/api\/main/.test(command)) return 'api';
  }
  return 'other';
}

function commandOf(pid: number): string {
  return readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

/** Reads a file of a process. Empty if the process has ended. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
