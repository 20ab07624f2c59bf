import { afterEach } from 'vitest';
import { z } from 'zod';

import { runCli } from '../../support/runs/run-cli.ts';
import { json, scriptedApi, type Respond, type ScriptedApi } from './scripted-api.ts';

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

/** An API where everything is well and these releases are on record. */
export function healthy(...releases: unknown[]): Record<string, Respond> {
  return {
    'GET /healthz': json({ status: 'ok' }),
    'GET /readyz': json({ status: 'ready', worker: 'ok' }),
    'GET /v1/tenants': page({ tenant: 'acme' }),
    'GET /v1/tenants/acme/sinks': page(),
    'GET /v1/tenants/acme/hooks': page(),
    'GET /v1/tenants/acme/bundles': page({ bundle: 'bot' }),
    'GET /v1/tenants/acme/bundles/bot/releases': page(...releases),
  };
}

/** A Restate's administration that has these stuck invocations. */
export function restate(...rows: unknown[]): Record<string, Respond> {
  const services = ['Tenant', 'Compensation'].map((name) => ({ name, revision: 1 }));
  return {
    'GET /version': json({ version: '1.7.12' }),
    'GET /deployments': json({ deployments: [{ id: 'dp_1', uri: 'http://127.0.0.1:1', services }] }),
    'POST /query': json({ rows }),
  };
}

export async function doctor(
  api: ScriptedApi,
  env: Readonly<Record<string, string>> = {},
  ...args: string[]
) {
  return runCli(['doctor', ...args], { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', ...env } });
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

/** The same as data. */
export async function diagnosis(api: ScriptedApi, env: Readonly<Record<string, string>> = {}) {
  const { exit, stdout } = await doctor(api, env, '--json');
  return { exit, ...Findings.parse(JSON.parse(stdout)) };
}
