import { Command } from 'commander';

import { correlationId, type ReleaseId } from '@pointsman/protocol/identifiers';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { deadline, openGates } from '../../output/format-gate.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { releaseOf } from '../../options/named-release.ts';
import { type NamedRelease, release } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { progress } from '../../output/progress.ts';
import { showDiagnostics } from '../../report-failure.ts';
import { ChannelView, ReleaseView } from '@pointsman/client/internal/http/resources';
import { table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { moment, statusLabel, outcomeLine, pointerPosition } from '../../output/format.ts';

/** `pointsman status`: shows a bundle's pointers and releases in flight, or one release. */
export function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description("show a bundle's pointers and releases in flight, or one release")
    .argument('[bundle]', 'the bundle, instead of --bundle')
    .option('--release <release>', 'show this release: its version, or its full name', release)
    .action(async (bundle: string | undefined, options: { release?: NamedRelease }, command: Command) => {
      const run = commandRun(cli, command);
      cli.finish(
        await (options.release === undefined
          ? bundleStatus(run, bundleNamed(run, bundle))
          : releaseStatus(
              run,
              releaseOf(run, { ...(bundle === undefined ? {} : { bundle }), ...options.release }),
            )),
      );
    });
}

/**
 * Returns the bundle that the argument names. If the argument is the full name of a release, throws an error
 * with a hint. A version alone, such as `v1`, is accepted, because a bundle may have that name.
 */
function bundleNamed(run: CommandRun, argument: string | undefined): string {
  if (argument === undefined || !/[:/]v[0-9]+$/.test(argument)) return run.bundle(argument);
  throw new CliError('usage', `"${argument}" is a release, but the argument must be a bundle.`, {
    hints: [`To show the release: pointsman status --release ${argument}`],
  });
}

async function bundleStatus(run: CommandRun, bundle: string): Promise<ExitName> {
  const { client, terminal } = run;
  const tenant = run.tenant();
  const recent = await listRows(
    client,
    pathOf(paths.releases, { tenant, bundle }),
    ReleaseView,
    clientLimits.pageRows,
  ).catch((error: unknown) => {
    if (error instanceof CliError && error.exit === 'notFound' && /^v?[0-9]+$/.test(bundle))
      error.hints.push(`To show a release: pointsman status --release ${bundle} --bundle …`);
    throw error;
  });
  const inFlight = recent.filter(({ status }) => status !== 'settled');
  const pointers = await listRows(
    client,
    pathOf(paths.channels, { tenant, bundle }),
    ChannelView,
    clientLimits.pageRows,
  );
  if (terminal.json) {
    terminal.document({ pointers, inFlight });
    return 'done';
  }
  terminal.out(`${terminal.paint('bold', `${tenant}/${bundle}`)}\n`);
  terminal.out(
    table(
      pointers.map((pointer) => [
        ` ${pointer.channel}`,
        pointerPosition(pointer, terminal),
        pointer.movedAt === null ? '' : terminal.paint('dim', moment(pointer.movedAt)),
      ]),
    ),
  );
  terminal.out(inFlight.length === 0 ? 'nothing in flight\n' : 'in flight\n');
  terminal.out(table(inFlight.flatMap((one) => inFlightRows(one, terminal))));
  return 'done';
}

/** Returns the table rows of one release in flight: the release itself, and below it what it waits for. */
function inFlightRows(one: ReleaseView, terminal: Terminal): string[][] {
  const waits = openGates(one.gates).map((gate) => `${gate.gate} ${deadline(gate, terminal)}`.trimEnd());
  for (const { kind, text } of one.waitingFor) {
    if (kind === 'sink' || kind === 'compiler' || kind === 'release') waits.push(printable(text));
  }
  const [first = '', ...others] = waits;
  const own = [` v${one.version}`, one.channel, statusLabel(one, terminal), first];
  return [own, ...others.map((wait) => ['', '', '', wait])];
}

async function releaseStatus(run: CommandRun, { tenant, bundle, version }: ReleaseId): Promise<ExitName> {
  const { terminal } = run;
  const found = await run.client.call('GET', pathOf(paths.release, { tenant, bundle, version }), ReleaseView);
  if (terminal.json) {
    terminal.document(found);
    return 'done';
  }
  terminal.out(`${terminal.paint('bold', correlationId(found))} to ${found.channel}\n`);
  const stages = progress(terminal);
  stages.show(found);
  stages.end();
  showDiagnostics(
    found.stages.flatMap((stage) => stage.diagnostics),
    null,
    terminal,
  );
  terminal.out(`${outcomeLine(found, terminal)}\n`);
  return 'done';
}
