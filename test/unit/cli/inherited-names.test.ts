import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { z } from 'zod';

import { TokenName } from '../../../packages/protocol/access.ts';
import {
  GateName,
  BundleName,
  ChannelName,
  HookName,
  SinkName,
  TenantName,
} from '../../../packages/protocol/identifiers.ts';
import { INHERITED_NAMES } from '../../support/data/inherited-names.ts';
import { runCli } from '../../support/runs/run-cli.ts';
import { json, problem, release, scriptedApi, settled, type ScriptedApi } from './scripted-api.ts';

// Tests names that every object inherits, such as "constructor" and "__proto__", everywhere in a command line and in
// a response of the API.

let api: ScriptedApi;

const open = async (script: Parameters<typeof scriptedApi>[0] = {}): Promise<void> => {
  await api.close();
  api = await scriptedApi(script);
};

beforeEach(async () => {
  api = await scriptedApi({});
});
afterEach(() => api.close());

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const settings = { POINTSMAN_TENANT: 'acme', POINTSMAN_BUNDLE: 'bot', ...env };
  return runCli(args, { env: { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't', ...settings } });
}

type Place = readonly [place: string, rule: z.ZodString, args: (name: string) => readonly string[]];

const PLACES: readonly Place[] = [
  ['the tenant', TenantName, (name) => ['releases', '--tenant', name]],
  ['a new tenant', TenantName, (name) => ['tenants', 'create', name]],
  ['the bundle', BundleName, (name) => ['releases', '--bundle', name]],
  ['the bundle of a status', BundleName, (name) => ['status', name]],
  ['the channel', ChannelName, (name) => ['history', '--channel', name]],
  ['the channel of a promotion', ChannelName, (name) => ['promote', '1', '--channel', name]],
  ['the channel of a hold', ChannelName, (name) => ['hold', '--channel', name, '--reason', 'x']],
  ['a gate', GateName, (name) => ['check', 'report', name, '1', '--success']],
  ['a new token', TokenName, (name) => ['tokens', 'create', name, '--role', 'viewer']],
  ['a sink', SinkName, (name) => ['sinks', 'show', name]],
  ['a sink that is paused', SinkName, (name) => ['sinks', 'pause', name, '--reason', 'x']],
  ['a hook', HookName, (name) => ['hooks', 'show', name]],
  ['the deliveries of a hook', HookName, (name) => ['hooks', 'deliveries', name]],
];

describe.each(PLACES)('a name that every object inherits, given for %s,', (_place, rule, args) => {
  test.each(INHERITED_NAMES)(
    'is sent unchanged or refused as an invalid name before anything is sent: "%s"',
    async (name) => {
      const { exit, stderr } = await run(args(name));
      const isName = rule.safeParse(name).success;
      const sent = api.seen
        .map(({ path, body }) => `${decodeURIComponent(path)} ${body.toString()}`)
        .join('\n');
      if (isName) expect([exit, sent]).toEqual([12, expect.stringContaining(name)]);
      else expect([exit, sent]).toEqual([2, '']);
      expect(stderr).not.toMatch(/TypeError|an internal error of pointsman|\n\s+at /);
    },
  );
});

/** Arguments that must have a value from a fixed list. An inherited name is never in such a list. */
const CHOICES: readonly (readonly [string, (name: string) => readonly string[]])[] = [
  ['a command', (name) => [name]],
  ['a command below another', (name) => ['sinks', name]],
  ['an option', (name) => ['releases', `--${name}`]],
  ['a conflict rule', (name) => ['publish', '.', '--on-conflict', name]],
  ['the provider of a hook', (name) => ['hooks', 'set', 'main', '--provider', name]],
  ['the role of a token', (name) => ['tokens', 'create', 'ci', '--role', name]],
  ['the id of a token', (name) => ['tokens', 'revoke', name]],
  ['a version', (name) => ['watch', name]],
];

test.each(CHOICES)(
  'a name that every object inherits is refused as a usage error when it is given as %s',
  async (_what, args) => {
    for (const name of INHERITED_NAMES) expect([name, (await run(args(name))).exit]).toEqual([name, 2]);
    expect(api.seen).toEqual([]);
  },
);

describe('a name that every object inherits, in a response of the API,', () => {
  test.each(INHERITED_NAMES)('is printed as a name: "%s"', async (name) => {
    // Most inherited names are not valid as the name of a channel, but all are valid as a reason.
    const channel = ChannelName.safeParse(name).success ? name : 'live';
    const releases = [settled('rejected', { channel, reason: name }), release()];
    await open({ 'GET /v1/tenants/acme/bundles/bot/releases': json({ items: releases, next: null }) });
    const { exit, stdout } = await run(['releases']);
    expect([exit, stdout]).toEqual([0, expect.stringContaining(name)]);
  });

  test.each(INHERITED_NAMES)(
    'is handled by the HTTP status when it is an unknown problem code: "%s"',
    async (name) => {
      await open({ 'GET /v1/tenants/acme/bundles/bot/releases': problem(409, name, 'a reason') });
      const { exit, stderr } = await run(['releases']);
      expect([exit, stderr]).toEqual([8, expect.stringContaining('a reason')]);
    },
  );
});
