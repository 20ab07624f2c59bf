import { Command } from 'commander';

import { humanDuration } from '@pointsman/protocol/text/amounts';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { AttemptView, SinkView } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../../limits.ts';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { addSink, rotateSink, type SecretOptions } from './sink-setting.ts';
import { onSink, sinkControlCommands } from './sink-control.ts';
import { sinkFields, sinkRow } from './sink-view.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

/** `pointsman sinks`: manages sinks, the systems to which moves are delivered. */
export function sinksCommand(cli: Cli): Command {
  const sinks = new Command('sinks').description("the destinations of a tenant's moves, and their progress");
  const own = [addCommand(cli), listCommand(cli), showCommand(cli), rotateCommand(cli), deleteCommand(cli)];
  for (const command of [...own, ...sinkControlCommands(cli), attemptsCommand(cli)])
    sinks.addCommand(command);
  return sinks;
}

function addCommand(cli: Cli): Command {
  return onSink('add', 'add a webhook, or change its URL')
    .argument('<url>', 'the URL to post events to')
    .option('--secret-stdin', 'read the signing secret (whsec_…) from standard input')
    .addHelpText('after', ADD_HELP)
    .action(async (name: string, url: string, options: SecretOptions, command: Command) => {
      cli.finish(await addSink(commandRun(cli, command), name, url, options));
    });
}

const ADD_HELP = `
A new webhook gets a generated secret that is shown once, unless --secret-stdin is given. An existing one keeps its secret.
Redis and RabbitMQ belong to the platform: they exist when the worker has REDIS_URL and AMQP_URL.`;

function listCommand(cli: Cli): Command {
  return new Command('list')
    .description('list the sinks and their lag')
    .action(async (_options: unknown, command: Command) => {
      const run = commandRun(cli, command);
      const most = clientLimits.pages * clientLimits.pageRows;
      const items = await listRows(run.client, pathOf(paths.sinks, { tenant: run.tenant() }), SinkView, most);
      if (run.terminal.json) run.terminal.document({ items });
      else if (items.length === 0) run.terminal.err('There are no sinks. Followers use the API.\n');
      else run.terminal.out(table(items.map((sink) => sinkRow(sink, run.terminal))));
      cli.finish('done');
    });
}

function showCommand(cli: Cli): Command {
  return onSink('show', 'show a sink, without its secrets').action(
    async (name: string, _options: unknown, command: Command) => {
      const run = commandRun(cli, command);
      const sink = await run.client.call(
        'GET',
        pathOf(paths.sink, { tenant: run.tenant(), sink: name }),
        SinkView,
      );
      if (run.terminal.json) run.terminal.document(sink);
      else run.terminal.out(table(sinkFields(sink, run.terminal)));
      cli.finish('done');
    },
  );
}

function rotateCommand(cli: Cli): Command {
  return onSink('rotate', 'sign with a new secret, and for a day also with the old one')
    .option('--secret-stdin', 'read the new secret (whsec_…) from standard input')
    .action(async (name: string, options: SecretOptions, command: Command) => {
      cli.finish(await rotateSink(commandRun(cli, command), name, options));
    });
}

function deleteCommand(cli: Cli): Command {
  return onSink('delete', 'delete a webhook; deliveries stop').action(
    async (name: string, _options: unknown, command: Command) => {
      const run = commandRun(cli, command);
      await run.client.send('DELETE', pathOf(paths.sink, { tenant: run.tenant(), sink: name }));
      if (run.terminal.json) run.terminal.document({ deleted: name });
      else run.terminal.out(`${run.terminal.paint(['bold', 'green'], 'deleted')}  ${name}\n`);
      cli.finish('done');
    },
  );
}

function attemptsCommand(cli: Cli): Command {
  return onSink('attempts', 'list the delivery attempts of a webhook, newest first')
    .option('--limit <n>', 'the number of rows', rowCount, cliLimits.shownRows)
    .action(async (name: string, { limit }: { limit: number }, command: Command) => {
      const run = commandRun(cli, command);
      const path = pathOf(paths.sinkAttempts, { tenant: run.tenant(), sink: name });
      const items = await listRows(run.client, path, AttemptView, limit);
      if (run.terminal.json) run.terminal.document({ items });
      else if (items.length === 0) run.terminal.err('No attempts yet.\n');
      else run.terminal.out(table(items.map((attempt) => attemptRow(run, attempt))));
      cli.finish('done');
    });
}

function attemptRow({ terminal }: CommandRun, attempt: AttemptView): string[] {
  const { at, event, delivered, summary, tookMs } = attempt;
  const label = delivered ? terminal.paint('green', 'delivered') : terminal.paint('red', 'failed');
  return [moment(at), printable(event), label, humanDuration(tookMs), printable(summary)];
}
