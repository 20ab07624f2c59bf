import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import type { HoldBody } from '@pointsman/protocol/moves/pointer-bodies';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { CliError } from '../../failures.ts';
import { sentence } from '../../options/option-values.ts';
import { PointerView } from '@pointsman/client/internal/http/resources';
import { channelOf } from '../../settings.ts';
import { pointerPosition } from '../../output/format.ts';

interface HoldOptions {
  readonly channel?: string;
  readonly reason?: string;
  readonly lift?: boolean;
}

/** `pointsman hold`: puts a pointer on hold, or lifts the hold. */
export function holdCommand(cli: Cli): Command {
  return new Command('hold')
    .description('prevent publishes and promotions from moving a pointer, or allow them again with --lift')
    .option('--channel <name>', 'the pointer', channelOf, channelOf(undefined))
    .option('--reason <text>', 'the reason, shown in every refusal', sentence)
    .option('--lift', 'lift the hold')
    .action(async (options: HoldOptions, command: Command) => {
      cli.finish(await hold(commandRun(cli, command), options));
    });
}

async function hold(run: CommandRun, options: HoldOptions): Promise<ExitName> {
  const { client, terminal } = run;
  const { reason } = options;
  if ((reason === undefined) === (options.lift !== true)) {
    throw new CliError('usage', 'Give either --reason, to hold the pointer, or --lift.');
  }
  const channel = channelOf(options.channel);
  const pointer = { tenant: run.tenant(), bundle: run.bundle(), channel };
  const path = pathOf(paths.hold, pointer);
  const headers = { 'idempotency-key': randomUUID() };
  const wasFree =
    options.lift === true &&
    (await client.call('GET', pathOf(paths.channel, pointer), PointerView)).hold === null;
  const after = await (reason === undefined
    ? client.call('DELETE', path, PointerView, { headers })
    : client.call('PUT', path, PointerView, { headers, json: { reason } satisfies HoldBody }));
  if (terminal.json) terminal.document(after);
  else {
    const lifted = wasFree ? 'was not held' : 'lifted';
    const label = options.lift === true ? lifted : 'held';
    terminal.out(
      `${terminal.paint(['bold', 'green'], label)}  ${channel} is ${pointerPosition(after, terminal)}\n`,
    );
  }
  return 'done';
}
