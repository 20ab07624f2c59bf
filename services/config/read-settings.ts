import { firstMessage } from '@pointsman/protocol/json/schema-issues';
import { settings, type SettingName, type Settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A rule for several settings. It returns an error message, or null if the settings are valid. In `read`, a missing
 * or invalid setting is undefined.
 */
export type Rule<N extends SettingName> = (
  read: Partial<Pick<Settings, N>>,
  isSet: (name: N) => boolean,
) => string | null;

/**
 * Thrown when settings are missing or invalid. The message lists all errors, but contains no values, because a value
 * may be a secret.
 */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The settings are invalid:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads the settings from the environment variables. An empty variable counts as not set, because shells and compose
 * files often can't remove a variable. Throws a ConfigError that lists all errors.
 */
export function readSettings<N extends SettingName, R extends N>(
  env: Environment,
  names: readonly N[],
  { required, rules }: { required: readonly R[]; rules: readonly Rule<N>[] },
): Partial<Pick<Settings, N>> & Pick<Settings, R> {
  const problems: string[] = [];
  const values: Partial<Record<SettingName, unknown>> = {};
  const isSet = (name: SettingName) => (env[name] ?? '') !== '';
  for (const name of names) {
    if (!isSet(name)) continue;
    const parsed = settings.shape[name].safeParse(env[name]);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(`${name} ${firstMessage(parsed)}`);
  }
  for (const name of required) if (!isSet(name)) problems.push(`${name} must be set`);
  // The cast is safe, because each value was parsed by the schema of the same name.
  const read = values as Partial<Pick<Settings, N>>;
  problems.push(...rules.map((rule) => rule(read, isSet)).filter((problem) => problem !== null));
  if (problems.length > 0) throw new ConfigError(problems);
  return read as Partial<Pick<Settings, N>> & Pick<Settings, R>;
}
