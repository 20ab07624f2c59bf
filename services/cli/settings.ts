import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';

import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  HookName,
  SinkName,
  TenantName,
} from '../../core/identifiers.ts';
import { firstMessage } from '../../core/schema-issues.ts';
import { CliError } from './failures.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The options that every command takes, as the command line gave them. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
  readonly bundle?: string;
  readonly json?: boolean;
}

/** Where the API is and who we are there. `token` is null when there is none to be found: the API will say so. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
}

const DEFAULT_URL = 'http://127.0.0.1:7400';

/**
 * The connection: from the command line, else the environment, else what `npm start` left in its home. Throws CliError for an
 * address that is none.
 */
export function connection(options: GlobalOptions, env: Environment): Connection {
  const home = given(env.POINTSMAN_HOME) ?? '.pointsman';
  const url = given(options.url) ?? given(env.POINTSMAN_URL) ?? kept(home, 'api-url') ?? DEFAULT_URL;
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new CliError('usage', 'The address of the API must begin with http:// or https://.', {
      hints: ['Give it with --url or POINTSMAN_URL.'],
    });
  }
  const token = given(options.token) ?? given(env.POINTSMAN_TOKEN) ?? kept(home, 'admin-token');
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    throw new CliError('usage', 'The token has characters that no token has.');
  }
  return { url: parsed.href.replace(/\/+$/, ''), token };
}

/** The tenant, from `--tenant` or POINTSMAN_TENANT. Throws CliError when it is missing or not a name. */
export function tenantOf(options: GlobalOptions, env: Environment): string {
  return named(TenantName, 'tenant', given(options.tenant) ?? given(env.POINTSMAN_TENANT));
}

/** The tenant, where one was named at all. Throws CliError when it is not a name. */
export function tenantIfGiven(options: GlobalOptions, env: Environment): string | null {
  const name = given(options.tenant) ?? given(env.POINTSMAN_TENANT);
  return name === null ? null : check(TenantName, name);
}

/** The bundle, from an argument of the command, `--bundle` or POINTSMAN_BUNDLE. Throws as {@link tenantOf} does. */
export function bundleOf(options: GlobalOptions, env: Environment, argument?: string): string {
  return named(BundleName, 'bundle', argument ?? given(options.bundle) ?? given(env.POINTSMAN_BUNDLE));
}

/** The channel, `live` unless given. Throws CliError for what is not a name. */
export function channelOf(channel: string | undefined): string {
  return check(ChannelName, channel ?? DEFAULT_CHANNEL);
}

/** A tenant's name given as an argument. Throws CliError for what is not a name. */
export function tenantName(text: string): string {
  return check(TenantName, text);
}

/** A hook's name given as an argument. Throws CliError for what is not a name. */
export function hookName(text: string): string {
  return check(HookName, text);
}

/** A sink's name given as an argument. Throws CliError for what is not a name. */
export function sinkName(text: string): string {
  return check(SinkName, text);
}

/** A bundle's name given as an argument, where none is needed. Throws CliError for what is not a name. */
export function bundleName(text: string): string {
  return check(BundleName, text);
}

function named(schema: z.ZodString, word: 'tenant' | 'bundle', value: string | null): string {
  if (value === null) {
    throw new CliError('usage', `Which ${word}?`, {
      hints: [`Name it with --${word} or POINTSMAN_${word.toUpperCase()}.`],
    });
  }
  return check(schema, value);
}

function check(schema: z.ZodString, value: string): string {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError('usage', `"${value}" can't be a name: ${firstMessage(parsed.error)}.`);
}

// An empty variable is how a shell or a CI system leaves one out.
function given(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

// What can't be read counts as absent: without a token the API's own 401 says what is missing.
function kept(home: string, name: string): string | null {
  try {
    return given(readFileSync(join(home, name), 'utf8').trim());
  } catch {
    return null;
  }
}
