import { firstMessage } from '../../core/json/schema-issues.ts';
import { settings, type SettingName, type Settings } from './settings.ts';

/** The environment as a process sees it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What must hold between settings: null, or the problem. A setting that is missing or wrong by itself is undefined in `read`. */
export type Rule<N extends SettingName> = (
  read: Partial<Pick<Settings, N>>,
  isSet: (name: N) => boolean,
) => string | null;

/** Something in the environment is missing or wrong. The message names every such thing, and no value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The settings are not right:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads those settings from the environment. An empty value counts as none, since that is how a shell or a compose file
 * leaves one out. Throws ConfigError with everything that is wrong, not only the first.
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
  // Each value came out of the schema of its own name.
  const read = values as Partial<Pick<Settings, N>>;
  problems.push(...rules.map((rule) => rule(read, isSet)).filter((problem) => problem !== null));
  if (problems.length > 0) throw new ConfigError(problems);
  return read as Partial<Pick<Settings, N>> & Pick<Settings, R>;
}
