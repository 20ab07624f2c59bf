import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { etagOf } from '@pointsman/protocol/entity-tag';
import { pathOf, paths } from '@pointsman/protocol/paths';
import type { MoveBody } from '@pointsman/protocol/moves/pointer-bodies';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { createChannelOption, hintAtCreating } from '../../options/create-channel.ts';
import type { ExitName } from '../../exit-codes.ts';
import { generation, version } from '../../options/option-values.ts';
import { PointerView } from '@pointsman/client/internal/http/resources';
import { channelOf } from '../../settings.ts';
import { pointerPosition } from '../../output/format.ts';

interface PromoteOptions {
  readonly channel: string;
  readonly createChannel?: boolean;
  readonly ifGeneration?: number;
}

/** `pointsman promote VERSION`: moves a pointer to a release that is already compiled. */
export function promoteCommand(cli: Cli): Command {
  return new Command('promote')
    .description('move a pointer to a release that is already compiled')
    .argument('<version>', 'the release', version)
    .requiredOption('--channel <name>', 'the pointer to move', channelOf)
    .addOption(createChannelOption())
    .option('--if-generation <n>', 'only if the pointer is still at this generation', generation)
    .action(async (number: number, options: PromoteOptions, command: Command) => {
      cli.finish(await promote(commandRun(cli, command), number, options));
    });
}

async function promote(run: CommandRun, number: number, options: PromoteOptions): Promise<ExitName> {
  const { terminal } = run;
  const path = pathOf(paths.channel, {
    tenant: run.tenant(),
    bundle: run.bundle(),
    channel: options.channel,
  });
  const guard = options.ifGeneration === undefined ? {} : { 'if-match': etagOf(options.ifGeneration) };
  const create = options.createChannel === true ? { createChannel: true } : {};
  const json: MoveBody = { version: number, ...create };
  const pointer = await run.client
    .call('PUT', path, PointerView, {
      json,
      headers: { ...guard, 'idempotency-key': randomUUID() },
    })
    .catch((error: unknown) => {
      hintAtCreating(error);
      throw error;
    });
  if (terminal.json) terminal.document(pointer);
  else {
    const where = `${options.channel} is ${pointerPosition(pointer, terminal)}`;
    terminal.out(`${terminal.paint(['bold', 'green'], 'promoted')}  ${where}\n`);
  }
  return 'done';
}
