import { afterEach } from 'vitest';
import { z } from 'zod';

import { runCli } from '../../support/runs/run-cli.ts';
import { json, problem, scriptedApi, tenant, type Respond, type ScriptedApi } from './scripted-api.ts';

const open: ScriptedApi[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

export async function serve(script: Parameters<typeof scriptedApi>[0]): Promise<ScriptedApi> {
  const api = await scriptedApi(script);
  open.push(api);
  return api;
}

export const page = (...items: unknown[]): Respond => json({ items, next: null });

/** Scripts a healthy API with these releases in flight. The token is not that of the platform's admin. */
export function healthy(...releases: unknown[]): Record<string, Respond> {
  return {
    'GET /healthz': json({ status: 'ok' }),
    'GET /readyz': json({ status: 'ready', postgres: 'ok', restate: 'ok', worker: 'ok' }),
    'GET /v1/tenants': page(tenant('acme')),
    'GET /v1/tenants/acme/sinks': page(),
    'GET /v1/tenants/acme/hooks': page(),
    'GET /v1/tenants/acme/releases': page(...releases),
    'GET /v1/diagnosis': problem(403, 'forbidden', 'The token has no role that allows this.'),
  };
}

/** The findings of the server, which the API returns only to the platform's admin. */
export const diagnosed = (...findings: unknown[]): Record<string, Respond> => ({
  'GET /v1/diagnosis': json({ findings }),
});

export async function doctor(api: ScriptedApi, ...args: string[]) {
  return runCli(['doctor', ...args], { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't' } });
}

const Findings = z.object({
  findings: z.array(
    z.object({
      subject: z.string(),
      state: z.string(),
      summary: z.string(),
      actions: z.array(z.string()).default([]),
    }),
  ),
  errors: z.number(),
  warnings: z.number(),
});

/** Runs the doctor with `--json` and parses its output. */
export async function diagnosis(api: ScriptedApi, ...args: string[]) {
  const { exit, stdout } = await doctor(api, '--json', ...args);
  return { exit, ...Findings.parse(JSON.parse(stdout)) };
}
