import { Command, Option } from 'commander';
import { z } from 'zod';

import { DeliveryState, HookProvider } from '../../../../core/hook.ts';
import { hookPath, hooksPath } from '../../client/api-paths.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { createChannelOption } from '../../options/create-channel.ts';
import type { ExitName } from '../../exit-codes.ts';
import { type HookOptions, setHook } from './hook-setting.ts';
import { HookView } from './hook-view.ts';
import { cliLimits } from '../../limits.ts';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '../../client/pages.ts';
import { printable } from '../../output/printable.ts';
import { channelOf, hookName } from '../../settings.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

const DeliveryView = z.looseObject({
  delivery: z.string(),
  state: DeliveryState,
  ref: z.string().nullable(),
  commit: z.string().nullable(),
  version: z.number().int().nullable(),
  reason: z.string().nullable(),
  receivedAt: z.string(),
});

/** `pointsman hooks`: what is published when somebody pushes. */
export function hooksCommand(cli: Cli): Command {
  return new Command('hooks')
    .description('publish what is pushed to a repository')
    .addCommand(setCommand(cli))
    .addCommand(
      named('list', 'list the hooks', cli, async (run) => {
        const items = await listRows(
          run.client,
          hooksPath(run.tenant()),
          HookView,
          cliLimits.pages * cliLimits.pageRows,
        );
        if (run.terminal.json) run.terminal.document({ items });
        else run.terminal.out(table(items.map(hookRow)));
        return 'done';
      }),
    )
    .addCommand(
      named(
        'show',
        'show a hook, without its secrets',
        cli,
        async (run, name) => {
          const hook = await run.client.call('GET', hookPath(run.tenant(), name), HookView);
          if (run.terminal.json) run.terminal.document(hook);
          else run.terminal.out(table(hookFields(run, hook)));
          return 'done';
        },
        '<name>',
      ),
    )
    .addCommand(
      named(
        'delete',
        'take nothing more for a hook',
        cli,
        async (run, name) => {
          await run.client.send('DELETE', hookPath(run.tenant(), name));
          if (run.terminal.json) run.terminal.document({ deleted: name });
          else run.terminal.out(`${run.terminal.paint(['bold', 'green'], 'deleted')}  ${name}\n`);
          return 'done';
        },
        '<name>',
      ),
    )
    .addCommand(deliveriesCommand(cli));
}

function setCommand(cli: Cli): Command {
  return new Command('set')
    .description('make a hook, or replace its rule')
    .argument('<name>', 'its name', hookName)
    .addOption(
      new Option('--provider <provider>', 'who delivers').choices(HookProvider.options).makeOptionMandatory(),
    )
    .requiredOption('--repository <name>', 'as the provider calls it: owner/name')
    .requiredOption('--ref <ref>', 'refs/heads/main, or the beginning of refs and *: refs/tags/v*')
    .option('--path <folder>', 'the folder that is the source; otherwise the whole repository')
    .option('--channel <name>', 'the pointer to move', channelOf, channelOf(undefined))
    .addOption(createChannelOption())
    .option('--api-url <url>', 'the API of the provider, where it is not github.com or gitlab.com')
    .option('--secret-stdin', 'take the shared secret from standard input')
    .option('--new-secret', 'replace the secret by one that is made now and shown once')
    .option(
      '--token-stdin',
      'take the token for the API from standard input (after the secret, on a line of its own)',
    )
    .option('--drop-token', 'take the token away')
    .addHelpText('after', HELP)
    .action(async (name: string, options: HookOptions, command: Command) => {
      cli.finish(await setHook(commandRun(cli, command), name, options));
    });
}

const HELP = `
A new hook gets a secret that is shown once, unless --secret-stdin brings one; a hook that is there keeps its own, and its token.
The secret of a generic hook is one of Standard Webhooks: "whsec_" and the base64 of 24 to 64 bytes.
With a token, commits are told what becomes of them: GitHub: "Commit statuses: write" and "Contents: read"; GitLab: "api".`;

function named(
  name: string,
  description: string,
  cli: Cli,
  act: (run: CommandRun, name: string) => Promise<ExitName>,
  argument?: string,
): Command {
  const made = new Command(name).description(description);
  if (argument === undefined) {
    return made.action(async (_options: unknown, command: Command) => {
      cli.finish(await act(commandRun(cli, command), ''));
    });
  }
  return made
    .argument(argument, 'its name', hookName)
    .action(async (which: string, _options: unknown, command: Command) => {
      cli.finish(await act(commandRun(cli, command), which));
    });
}

function hookRow({ hook, provider, repository, ref, bundle, channel }: HookView): string[] {
  return [hook, provider, printable(repository), printable(ref), `${bundle} → ${channel}`];
}

function hookFields({ client, terminal }: CommandRun, hook: HookView): string[][] {
  const sealed = {
    current: '',
    previous: 'sealed under the previous key: set them again before that is gone',
    lost: 'lost: set them again',
  }[hook.sealedUnder];
  return [
    ['provider', hook.provider],
    ['repository', printable(hook.repository)],
    ['ref', printable(hook.ref)],
    ['path', printable(hook.path ?? '(all)')],
    ['publishes', `${hook.bundle} → ${hook.channel}`],
    ['API', printable(hook.apiUrl ?? `(${hook.provider}’s own)`)],
    ['token', hook.tokenSet ? 'set' : 'none: commits are told nothing'],
    ['deliver to', `${client.url}${hook.deliverTo}`],
    ...(sealed === '' ? [] : [['secrets', terminal.paint('yellow', sealed)]]),
  ];
}

function deliveriesCommand(cli: Cli): Command {
  return new Command('deliveries')
    .description('list what was delivered to a hook, newest first, and what became of it')
    .argument('<name>', 'the hook', hookName)
    .option('--limit <n>', 'how many', rowCount, cliLimits.shownRows)
    .action(async (name: string, { limit }: { limit: number }, command: Command) => {
      const run = commandRun(cli, command);
      const path = `${hookPath(run.tenant(), name)}/deliveries`;
      const items = await listRows(run.client, path, DeliveryView, limit);
      if (run.terminal.json) run.terminal.document({ items });
      else if (items.length === 0) run.terminal.err('Nothing was delivered yet.\n');
      else run.terminal.out(table(items.map(deliveryRow)));
      cli.finish('done');
    });
}

function deliveryRow({
  receivedAt,
  state,
  ref,
  commit,
  version,
  reason,
}: z.infer<typeof DeliveryView>): string[] {
  const became = version === null ? printable(reason ?? '') : `v${version}`;
  return [moment(receivedAt), state, printable(ref ?? ''), (commit ?? '').slice(0, 12), became];
}
