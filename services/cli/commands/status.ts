import { Command } from 'commander';

import { correlationId } from '../../../core/identifiers.ts';
import { bundlePath, releasePath } from '../api-paths.ts';
import { commandRun, type Cli, type CommandRun } from '../command-run.ts';
import type { ExitName } from '../exit-codes.ts';
import { deadline, openGates } from '../gate-wording.ts';
import { cliLimits } from '../limits.ts';
import { version } from '../option-values.ts';
import { listRows } from '../pages.ts';
import { progress } from '../progress.ts';
import { showDiagnostics } from '../report-failure.ts';
import { ChannelView, ReleaseView } from '../resources.ts';
import { table } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { moment, standing, verdict, whereabouts } from '../wording.ts';

/** `pointsman status`: where a bundle's pointers are and what is in flight, or how one release went. */
export function statusCommand(cli: Cli): Command {
  return new Command('status')
    .description("show a bundle's pointers and what is in flight, or one release")
    .argument('[bundle]', 'the bundle, instead of --bundle')
    .option('--release <version>', 'show this release', version)
    .action(async (bundle: string | undefined, options: { release?: number }, command: Command) => {
      const run = commandRun(cli, command);
      const name = run.bundle(bundle);
      cli.finish(
        await (options.release === undefined
          ? bundleStatus(run, name)
          : releaseStatus(run, name, options.release)),
      );
    });
}

async function bundleStatus(run: CommandRun, bundle: string): Promise<ExitName> {
  const { client, terminal } = run;
  const tenant = run.tenant();
  const recent = await listRows(
    client,
    `${bundlePath(tenant, bundle)}/releases`,
    ReleaseView,
    cliLimits.pageRows,
  );
  const inFlight = recent.filter((release) => release.status !== 'settled');
  const pointers = await listRows(
    client,
    `${bundlePath(tenant, bundle)}/channels`,
    ChannelView,
    cliLimits.pageRows,
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
        whereabouts(pointer, terminal),
        pointer.movedAt === null ? '' : terminal.paint('dim', moment(pointer.movedAt)),
      ]),
    ),
  );
  terminal.out(inFlight.length === 0 ? 'nothing in flight\n' : 'in flight\n');
  terminal.out(table(inFlight.flatMap((one) => inFlightRows(one, terminal))));
  return 'done';
}

/** The release, and below it what it waits for. */
function inFlightRows(release: ReleaseView, terminal: Terminal): string[][] {
  const waits = openGates(release.gates).map((gate) => `${gate.gate} ${deadline(gate, terminal)}`.trimEnd());
  const [first = '', ...others] = waits;
  const own = [` v${release.version}`, release.channel, standing(release, terminal), first];
  return [own, ...others.map((one) => ['', '', '', one])];
}

async function releaseStatus(run: CommandRun, bundle: string, number: number): Promise<ExitName> {
  const { terminal } = run;
  const release = await run.client.call('GET', releasePath(run.tenant(), bundle, number), ReleaseView);
  if (terminal.json) {
    terminal.document(release);
    return 'done';
  }
  terminal.out(`${terminal.paint('bold', correlationId(release))} to ${release.channel}\n`);
  const stages = progress(terminal);
  stages.show(release);
  stages.end();
  showDiagnostics(
    release.stages.flatMap((stage) => stage.diagnostics ?? []),
    null,
    terminal,
  );
  terminal.out(`${verdict(release, terminal)}\n`);
  return 'done';
}
