import { Command } from 'commander';

import { MoveEvent } from '@pointsman/protocol/moves/move-event';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { streamEvents } from '@pointsman/protocol/stream-events';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { eventStream } from '@pointsman/client/internal/http/event-stream';
import { FeedPage } from '@pointsman/client/internal/http/resources';
import { cursor } from '../../options/option-values.ts';
import { bundleName, channelOf } from '../../settings.ts';
import { moment, shortDigest } from '../../output/format.ts';

interface FollowOptions {
  readonly after?: string;
  readonly channel?: string;
}

/**
 * The bundle and the channel whose moves the command prints. Null means all of them. The command always reads
 * all moves of the tenant, because only the tenant's whole feed has numbers without gaps.
 */
interface Shown {
  readonly bundle: string | null;
  readonly channel: string | null;
}

/** `pointsman follow`: prints the moves of a tenant as they happen. */
export function followCommand(cli: Cli): Command {
  return new Command('follow')
    .description('print the moves of a tenant as they happen, until Ctrl-C')
    .argument('[bundle]', 'only moves of this bundle', bundleName)
    .option('--channel <name>', 'only moves of this channel', channelOf)
    .option(
      '--after <cursor>',
      'start after this cursor of the feed (acme:17, or 17; 0: from the oldest move that is kept); default: now',
      cursor,
    )
    .addHelpText('after', '\nWith --json every move is a CloudEvent on its own line.')
    .action(async (bundle: string | undefined, options: FollowOptions, command: Command) => {
      const run = commandRun(cli, command);
      await follow(run, options.after ?? 'latest', {
        bundle: bundle ?? null,
        channel: options.channel ?? null,
      });
    });
}

/** Prints moves until the user interrupts the command, or until the API returns an error. */
async function follow(run: CommandRun, after: string, shown: Shown): Promise<never> {
  const path = pathOf(paths.feed, { tenant: run.tenant() });
  let { seq } = (
    await checkFeed(run, path, after.includes(':') || after === 'latest' ? after : startCursor(run, after))
  ).next;
  for (;;) {
    for await (const event of eventStream(run.client, `${path}?after=${run.tenant()}:${seq}`, run.signal)) {
      if (event?.event !== streamEvents.moved) continue;
      const move = parseJsonAs(MoveEvent, event.data);
      if (move === null || move.data.seq <= seq) continue;
      show(run, move, shown);
      seq = move.data.seq;
    }
    // The event stream is unavailable. This request throws the error that explains why. If it succeeds, the
    // API is available again, and the loop continues.
    await checkFeed(run, path, `${run.tenant()}:${seq}`);
  }
}

/**
 * Returns the feed cursor to start from. A plain number is a position in this tenant's feed. 0 starts at the
 * oldest move that is still stored.
 */
function startCursor(run: CommandRun, after: string): string | undefined {
  return after === '0' ? undefined : `${run.tenant()}:${after}`;
}

function checkFeed(run: CommandRun, path: string, after: string | undefined): Promise<FeedPage> {
  return run.client.call('GET', path, FeedPage, { query: { after, limit: 1 } });
}

function show({ terminal }: CommandRun, move: MoveEvent, { bundle, channel }: Shown): void {
  const { data, id, time } = move;
  if ((bundle !== null && data.bundle !== bundle) || (channel !== null && data.channel !== channel)) return;
  if (terminal.json) {
    terminal.out(`${JSON.stringify(move)}\n`);
    return;
  }
  const from = data.from === null ? '–' : `v${data.from.version}`;
  const to = terminal.paint('bold', `v${data.to.version}`);
  terminal.out(`${moment(time)}  ${id}  ${from} → ${to}  ${shortDigest(data.to.digest)}\n`);
}
