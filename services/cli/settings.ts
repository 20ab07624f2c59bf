import type { z } from 'zod';

import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  HookName,
  SinkName,
  TenantName,
} from '../../core/identifiers.ts';
import { firstMessage } from '../../core/json/schema-issues.ts';
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
  throw new CliError('usage', `"${value}" can't be a name: ${firstMessage(parsed)}.`);
}

/** A setting that counts as given: an empty variable is how a shell or a CI system leaves one out. */
export function given(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
