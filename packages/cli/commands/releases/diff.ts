import { Command } from 'commander';

import type { ArtifactFile } from '@pointsman/protocol/artifacts/oci';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { artifactChanges, type ArtifactChange } from './artifact-changes.ts';
import { readArtifactFiles } from './artifact-files.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { cliLimits } from '../../limits.ts';
import { isText } from '../../output/is-text.ts';
import { releaseOf } from '../../options/named-release.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { prettyJson } from '../../output/pretty-json.ts';
import { printable } from '../../output/printable.ts';
import { ReleaseView } from '@pointsman/client/internal/http/resources';
import { unifiedDiff } from '../../output/unified-diff.ts';

interface DiffOptions {
  readonly names?: boolean;
}

/** `pointsman diff A B`: compares the compiled files of two releases. */
export function diffCommand(cli: Cli): Command {
  return new Command('diff')
    .description('compare the compiled files of two releases')
    .argument('<before>', 'the first release: its version, or its full name', release)
    .argument('<after>', 'the second release', release)
    .option('--names', 'print only the paths')
    .action(async (a: NamedRelease, b: NamedRelease, options: DiffOptions, command: Command) => {
      cli.finish(await diff(commandRun(cli, command), a, b, options));
    });
}

async function diff(
  run: CommandRun,
  first: NamedRelease,
  second: NamedRelease,
  options: DiffOptions,
): Promise<ExitName> {
  const { terminal } = run;
  const { version: a, ...bundle } = releaseOf(run, first);
  const { version: b, ...other } = releaseOf(run, { ...bundle, ...second });
  if (other.tenant !== bundle.tenant || other.bundle !== bundle.bundle)
    throw new CliError('usage', 'Both releases must belong to the same bundle.');
  const [before, after] = await Promise.all([a, b].map((number) => compiledFiles(run, bundle, number)));
  const changes = artifactChanges(before ?? new Map(), after ?? new Map());
  if (terminal.json) {
    terminal.document({ a, b, changes: changes.map((change) => ({ ...change, change: kindOf(change) })) });
    return 'done';
  }
  if (changes.length === 0) terminal.err(`v${a} and v${b} have identical files.\n`);
  for (let from = 0; from < changes.length; from += cliLimits.parallelFetches) {
    const some = changes.slice(from, from + cliLimits.parallelFetches);
    const texts = await Promise.all(
      some.map((change) => describe(run, bundle, change, options.names === true)),
    );
    for (const text of texts) terminal.out(text);
  }
  return 'done';
}

type Bundle = Readonly<Record<'tenant' | 'bundle', string>>;

async function compiledFiles(
  run: CommandRun,
  bundle: Bundle,
  number: number,
): Promise<ReadonlyMap<string, ArtifactFile>> {
  const found = await run.client.call(
    'GET',
    pathOf(paths.release, { tenant: bundle.tenant, bundle: bundle.bundle, version: number }),
    ReleaseView,
  );
  if (found.digest !== null) return readArtifactFiles(run.client, bundle.tenant, found.digest);
  throw new CliError('notFound', `v${number} was never compiled, so there are no files to compare.`);
}

async function describe(
  run: CommandRun,
  bundle: Bundle,
  change: ArtifactChange,
  namesOnly: boolean,
): Promise<string> {
  const { terminal } = run;
  const kind = kindOf(change);
  const head = `${terminal.paint('bold', `${MARKS[kind]} ${printable(change.path)}`)}\n`;
  if (namesOnly) return head;
  const [before, after] = await Promise.all([
    readText(run, bundle, change.before),
    readText(run, bundle, change.after),
  ]);
  if (before === null || after === null) return `${head}  binary\n`;
  return head + (unifiedDiff(before, after, terminal) ?? '  almost every line differs\n');
}

/** Returns the text of a file, with one JSON member per line. Returns null for a binary file. */
async function readText(run: CommandRun, bundle: Bundle, entry: ArtifactFile | null): Promise<string | null> {
  if (entry === null) return '';
  const { body } = await run.client.send(
    'GET',
    pathOf(paths.blob, { tenant: bundle.tenant, digest: entry.digest }),
  );
  return isText(body) ? prettyJson(body.toString('utf8')) : null;
}

function kindOf(change: ArtifactChange): 'added' | 'removed' | 'changed' {
  if (change.before === null) return 'added';
  return change.after === null ? 'removed' : 'changed';
}

const MARKS = { added: '+', removed: '-', changed: '~' } as const;
