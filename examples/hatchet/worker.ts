// Keeps Hatchet as the one that compiles: `node worker.ts` serves the task, `node worker.ts door` the address that Pointsman posts jobs to.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

import { ConcurrencyLimitStrategy, Hatchet, type TaskWorkflowDeclaration } from '@hatchet-dev/typescript-sdk';
import { z } from 'zod';

import { CompileJob } from '@pointsman/protocol/callouts/compile-job';
import { work } from '../http-compiler/work.mjs';

type Outcome = { outcome: string };

/** How Hatchet may run it: again when a worker dies, since a second answer meets a 409; tenants in turn; and no longer than an attempt. */
export const TASK = {
  name: 'pointsman-compile',
  retries: 3,
  backoff: { factor: 2, maxSeconds: 30 },
  executionTimeout: '10m',
  scheduleTimeout: '5m',
  concurrency: {
    expression: 'input.tenant',
    maxRuns: 2,
    limitStrategy: ConcurrencyLimitStrategy.GROUP_ROUND_ROBIN,
  },
} as const;

/** The task itself: fetches, compiles, uploads, calls back. Nothing of it is Hatchet's, so that it is tested without an engine. */
export async function compile(input: unknown): Promise<Outcome> {
  return { outcome: await work(CompileJob.parse(input)) };
}

/**
 * Takes a job and hands it to `enqueue`. 202 says that Hatchet has it; anything else makes Pointsman come back. Only jobs whose addresses
 * are that Pointsman's: whoever reaches this port could make the worker call anybody otherwise.
 */
export function door(pointsmanUrl: string, enqueue: (job: CompileJob) => Promise<unknown>) {
  return createServer((request, response) => {
    const answer = async (): Promise<number> => {
      if (request.method !== 'POST') return 405;
      if (Number(request.headers['content-length'] ?? Infinity) > 64 * 1024) return 413;
      const job = CompileJob.safeParse(JSON.parse(await text(request)));
      if (!job.success) return 422;
      const { source, upload, callback } = job.data;
      if ([source, upload, callback].some(({ url }) => new URL(url).origin !== pointsmanUrl)) return 403;
      await enqueue(job.data);
      return 202;
    };
    answer().then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(503, { 'retry-after': '5' }).end(),
    );
  });
}

const Settings = z.object({
  /** As in its POINTSMAN_PUBLIC_URL. */
  POINTSMAN_URL: z.url().transform((url) => new URL(url).origin),
  PORT: z.coerce.number().default(7500),
});

async function main(role: string | undefined): Promise<void> {
  // Reads HATCHET_CLIENT_TOKEN, as every Hatchet client does.
  const hatchet = Hatchet.init();
  const task: TaskWorkflowDeclaration<CompileJob, Outcome> = hatchet.task({ ...TASK, fn: compile });
  if (role === 'door') {
    const { POINTSMAN_URL, PORT } = Settings.parse(process.env);
    door(POINTSMAN_URL, (job) => task.runNoWait(job)).listen(PORT, '127.0.0.1');
  } else {
    const worker = await hatchet.worker('pointsman-compiler', { workflows: [task], slots: 4 });
    await worker.start();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv[2]);
