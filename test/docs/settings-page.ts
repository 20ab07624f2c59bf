import { apiConfig, migrateConfig, stackConfig, workerConfig } from '../../services/config/config.ts';
import { ConfigError, type Environment } from '../../services/config/read-settings.ts';
import { settingDefaults, settings } from '../../services/config/settings.ts';
import { code, markdownTable } from './markdown.ts';

const READERS = {
  '`npm start`': stackConfig,
  API: apiConfig,
  worker: workerConfig,
  migrate: migrateConfig,
} as const;

/** Generates docs/reference/settings.md: every environment variable of the processes. */
export function settingsPage(): string {
  const readers = Object.entries(READERS).map(([process, read]) => ({ process, ...namesReadBy(read) }));
  const rows = Object.entries(settings.shape).map(([name, schema]) => [
    code(name),
    schema.description ?? '',
    code(defaultOf(name)),
    readers
      .filter(({ names }) => names.has(name))
      .map(({ process, required }) => (required.has(name) ? `**${process}**` : process))
      .join(', '),
  ]);
  return [
    '# Settings',
    'Settings are environment variables. An empty variable counts as not set. A process that finds a wrong or missing setting lists all of them and does not start. `npm start` passes its settings on to the processes that it starts.',
    'The last column lists the processes that read a setting. Bold: the process needs it.',
    markdownTable(['variable', 'meaning', 'default', 'read by'], rows),
    'The API needs exactly one of `POINTSMAN_ADMIN_TOKEN` and `POINTSMAN_ADMIN_TOKEN_SHA256`. `RESTATE_INGRESS_URL` and `RESTATE_ADMIN_URL` are set together. The [guide for operators](../guides/operating.md) explains the roles of PostgreSQL, a lost admin token and how to change the secret key.',
    '## The command line',
    markdownTable(
      ['variable', 'meaning'],
      [
        ['`POINTSMAN_URL`', 'The address of the API. `--url` overrides it.'],
        ['`POINTSMAN_TOKEN`', 'The token. `--token` overrides it.'],
        ['`POINTSMAN_TENANT`, `POINTSMAN_BUNDLE`', 'The tenant and the bundle. The options override them.'],
        [
          '`POINTSMAN_HOME`',
          'The home of `npm start`, whose address and admin token are used where none is given.',
        ],
        ['`NO_COLOR`, `FORCE_COLOR`', 'Whether the output has colours.'],
      ],
    ),
  ].join('\n\n');
}

/**
 * The settings that a process reads, and those that it requires. They are found by starting the process without any
 * settings.
 */
function namesReadBy(read: (env: Environment) => unknown): { names: Set<string>; required: Set<string> } {
  const names = new Set<string>();
  const env = new Proxy<Record<string, string>>(
    {},
    {
      get: (_nothing, name) => {
        names.add(String(name));
        return undefined;
      },
    },
  );
  try {
    read(env);
    return { names, required: new Set() };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const missing = error.problems.map((problem) => /^(\w+) must be set$/.exec(problem)?.[1] ?? '');
    return { names, required: new Set(missing) };
  }
}

function defaultOf(name: string): string {
  const value = (settingDefaults as Record<string, string | number | boolean | undefined>)[name];
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value === undefined ? '' : String(value);
}
