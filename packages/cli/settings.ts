import type { z } from 'zod';

import {
  BundleName,
  ChannelName,
  DEFAULT_CHANNEL,
  HookName,
  SinkName,
  TenantName,
} from '@pointsman/protocol/identifiers';
import { firstMessage } from '@pointsman/protocol/json/schema-issues';
import { CliError } from './failures.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The global options, as the user gave them. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
  readonly bundle?: string;
  readonly json?: boolean;
}

/** Returns the tenant, from `--tenant` or POINTSMAN_TENANT. Throws CliError if it is missing or invalid. */
export function tenantOf(options: GlobalOptions, env: Environment): string {
  return named(TenantName, 'tenant', given(options.tenant) ?? given(env.POINTSMAN_TENANT));
}

/** Returns the tenant like {@link tenantOf}, but null if it is missing. Throws CliError if it is invalid. */
export function tenantIfGiven(options: GlobalOptions, env: Environment): string | null {
  const name = given(options.tenant) ?? given(env.POINTSMAN_TENANT);
  return name === null ? null : check(TenantName, name);
}

/**
 * Returns the bundle, from the command's argument, `--bundle` or POINTSMAN_BUNDLE, in this order. Throws
 * CliError if it is missing or invalid.
 */
export function bundleOf(options: GlobalOptions, env: Environment, argument?: string): string {
  return named(BundleName, 'bundle', argument ?? given(options.bundle) ?? given(env.POINTSMAN_BUNDLE));
}

/** Returns the channel, by default `live`. Throws CliError if it is invalid. */
export function channelOf(channel: string | undefined): string {
  return check(ChannelName, channel ?? DEFAULT_CHANNEL);
}

/** Validates the name of a tenant in an argument. Throws CliError if it is invalid. */
export function tenantName(text: string): string {
  return check(TenantName, text);
}

/** Validates the name of a hook in an argument. Throws CliError if it is invalid. */
export function hookName(text: string): string {
  return check(HookName, text);
}

/** Validates the name of a sink in an argument. Throws CliError if it is invalid. */
export function sinkName(text: string): string {
  return check(SinkName, text);
}

/** Validates the name of a bundle in an argument. Throws CliError if it is invalid. */
export function bundleName(text: string): string {
  return check(BundleName, text);
}

function named(schema: z.ZodString, name: 'tenant' | 'bundle', value: string | null): string {
  if (value === null) {
    throw new CliError('usage', `The ${name} is missing.`, {
      hints: [`Give it with --${name} or POINTSMAN_${name.toUpperCase()}.`],
    });
  }
  return check(schema, value);
}

function check(schema: z.ZodString, value: string): string {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError('usage', `"${value}" is not a valid name: ${firstMessage(parsed)}.`);
}

/**
 * Returns the value of a setting, or null if it is unset or empty. Shells and CI systems often set a variable
 * to an empty text instead of omitting it.
 */
export function given(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}
