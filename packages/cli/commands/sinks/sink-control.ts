import { randomUUID } from 'node:crypto';
import { Command } from 'commander';

import { pathOf, paths } from '@pointsman/protocol/paths';
import type { EmptyBody, PauseBody, RedeliverBody, ReplayBody } from '@pointsman/protocol/sinks/sink-bodies';
import { SentView, SinkView } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { cursor, feedNumber, sentence } from '../../options/option-values.ts';
import { printable } from '../../output/printable.ts';
import { sinkName } from '../../settings.ts';
import { counted } from '../../output/format.ts';

/** Returns the commands that control an existing sink: pause, resume, replay, test, redeliver. */
export function sinkControlCommands(cli: Cli): Command[] {
  return [
    onSink('pause', 'stop deliveries until the sink is resumed; moves are not lost')
      .option('--reason <text>', 'the reason', sentence)
      .action(async (name: string, { reason }: { reason?: string }, own: Command) => {
        const body: PauseBody = reason === undefined ? {} : { reason };
        cli.finish(await control(commandRun(cli, own), name, 'sinkPause', 'paused', body));
      }),
    onSink('resume', 'resume deliveries, in order, including missed moves').action(
      async (name: string, _options: unknown, own: Command) => {
        cli.finish(await control(commandRun(cli, own), name, 'sinkResume', 'resumed', {}));
      },
    ),
    onSink('replay', 'deliver all moves after a cursor again')
      .requiredOption('--after <cursor>', 'for example acme:17, or 17', cursor)
      .action(async (name: string, { after }: { after: string }, own: Command) => {
        const run = commandRun(cli, own);
        const body: ReplayBody = { after: after.includes(':') ? after : `${run.tenant()}:${after}` };
        cli.finish(await control(run, name, 'sinkReplay', 'replaying', body));
      }),
    onSink('test', 'send a test event, which receivers ignore').action(
      async (name: string, _options: unknown, own: Command) => {
        cli.finish(await sendOne(commandRun(cli, own), name, 'sinkTest', {}));
      },
    ),
    onSink('redeliver', 'deliver one move again, without moving the cursor')
      .argument('<seq>', 'its number in the feed', feedNumber)
      .action(async (name: string, seq: number, _options: unknown, own: Command) => {
        cli.finish(await sendOne(commandRun(cli, own), name, 'sinkRedeliver', { seq }));
      }),
  ];
}

/** Creates a command whose first argument is the name of a sink. */
export function onSink(name: string, description: string): Command {
  return new Command(name).description(description).argument('<name>', 'the sink', sinkName);
}

async function control(
  { client, terminal, ...run }: CommandRun,
  name: string,
  how: 'sinkPause' | 'sinkResume' | 'sinkReplay',
  done: string,
  json: PauseBody | ReplayBody | EmptyBody,
): Promise<ExitName> {
  const sink = await client.call('POST', pathOf(paths[how], { tenant: run.tenant(), sink: name }), SinkView, {
    headers: { 'idempotency-key': randomUUID() },
    json,
  });
  if (terminal.json) terminal.document(sink);
  else {
    const left = sink.lag === 0 ? 'up to date' : `${counted(sink.lag, 'move')} to deliver`;
    terminal.out(`${terminal.paint(['bold', 'green'], done)}  ${sink.sink}: ${left}\n`);
  }
  return 'done';
}

async function sendOne(
  { client, terminal, ...run }: CommandRun,
  name: string,
  how: 'sinkTest' | 'sinkRedeliver',
  json: RedeliverBody | EmptyBody,
): Promise<ExitName> {
  const sent = await client.call('POST', pathOf(paths[how], { tenant: run.tenant(), sink: name }), SentView, {
    headers: { 'idempotency-key': randomUUID() },
    json,
  });
  if (terminal.json) terminal.document(sent);
  else if (sent.sent)
    terminal.out(`${terminal.paint(['bold', 'green'], 'sent')}  ${printable(sent.event)}\n`);
  else {
    const why = printable(sent.reason ?? 'the reason is unknown');
    terminal.out(`${terminal.paint(['bold', 'red'], 'not sent')}  ${printable(sent.event)}: ${why}\n`);
  }
  return sent.sent ? 'done' : 'errored';
}
