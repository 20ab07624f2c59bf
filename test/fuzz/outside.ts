import { CheckRequest } from '../../packages/protocol/callouts/check-request.ts';
import { CompileJob } from '../../packages/protocol/callouts/compile-job.ts';
import { repositoryArchive } from '../support/data/archives.ts';
import { type CodeHost, startCodeHost } from '../support/servers/code-host.ts';
import { eventually } from '../support/runs/eventually.ts';
import { startOutsideServer } from '../support/servers/outside-server.ts';
import { signedPushes } from '../support/data/signed-pushes.ts';

/**
 * The outside servers that Pointsman calls during a run: a check, a compiler, a webhook endpoint and a code host. All
 * of them respond immediately and correctly.
 */
export interface Outside {
  address(path: string): string;
  readonly host: CodeHost;
  /** Waits until the check of that release is requested. */
  check(correlationId: string): Promise<{ capability: string; digest: string }>;
  /** Waits until the compilation of that release is requested. */
  job(correlationId: string): Promise<{ capability: string }>;
  stop(): Promise<void>;
}

export async function startOutside(): Promise<Outside> {
  const checks = new Map<string, CheckRequest>();
  const jobs = new Map<string, CompileJob>();
  const server = await startOutsideServer(({ path, body }, response) => {
    // Requests to other paths need no record: a policy of the run may name another path for its checks, and webhooks
    // send events.
    const check = path === '/check' ? CheckRequest.parse(JSON.parse(body)) : null;
    const job = path === '/compile' ? CompileJob.parse(JSON.parse(body)) : null;
    if (check !== null) checks.set(check.correlationId, check);
    if (job !== null) jobs.set(job.correlationId, job);
    response.writeHead(202).end();
  });
  const host = await startCodeHost();
  const archive = await repositoryArchive({ 'config/a.json': '{"pushed":true}' });
  for (const { commit } of Object.values(signedPushes(''))) host.put(commit, archive);
  const once = <T>(all: ReadonlyMap<string, T>, key: string): Promise<T> =>
    eventually(async () => all.get(key) ?? null, { what: `${key} was asked for` });
  return {
    address: (path) => `${server.origin}${path}`,
    host,
    async check(correlationId) {
      const { callback, digest } = await once(checks, correlationId);
      return { capability: capabilityOf(callback.url), digest };
    },
    job: async (correlationId) => ({
      capability: capabilityOf((await once(jobs, correlationId)).callback.url),
    }),
    async stop() {
      await Promise.all([server.close(), host.close()]);
    },
  };
}

function capabilityOf(url: string): string {
  return url.split('/').at(-1) ?? '';
}
