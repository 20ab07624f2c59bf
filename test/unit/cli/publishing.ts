import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

import { runCli, type CliResult } from '../../support/runs/run-cli.ts';
import { accepted, json, scriptedApi, type Respond, type SeenRequest } from './scripted-api.ts';

export const RELEASES = 'POST /v1/tenants/acme/bundles/bot/releases';
export const RELEASE = 'GET /v1/tenants/acme/bundles/bot/releases/1';

export interface Publishing {
  /** A directory with one file, `agents/bot.yaml`. Each test has a new one. */
  readonly folder: string;
  /** Every request of this test's last publish. */
  readonly seen: readonly SeenRequest[];
  /**
   * Runs `pointsman publish` for that directory, as acme/bot. The API accepts the publish and then responds
   * as scripted.
   */
  publish(
    script: Readonly<Record<string, Respond | readonly Respond[]>>,
    more?: readonly string[],
    options?: { isTTY?: boolean; signal?: AbortSignal },
  ): Promise<CliResult>;
}

/** Sets up a directory and an API for each test of the file. */
export function publishing(): Publishing {
  let folder = '';
  let seen: readonly SeenRequest[] = [];
  const close: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pointsman-publish-'));
    await mkdir(join(folder, 'agents'));
    await writeFile(join(folder, 'agents/bot.yaml'), 'name: bot\nmodel: 7\n');
  });
  afterEach(async () => {
    await Promise.all(close.splice(0).map((one) => one()));
    await rm(folder, { recursive: true, force: true });
  });

  return {
    get folder() {
      return folder;
    },
    get seen() {
      return seen;
    },
    publish: async (script, more = [], options = {}) => {
      const api = await scriptedApi({ [RELEASES]: json(accepted(), 202), ...script });
      close.push(() => api.close());
      seen = api.seen;
      const env = {
        POINTSMAN_URL: api.url,
        POINTSMAN_TOKEN: 't',
        POINTSMAN_TENANT: 'acme',
        POINTSMAN_BUNDLE: 'bot',
      };
      return runCli(['publish', folder, ...more], { env, ...options });
    },
  };
}
