import { Command, Option } from 'commander';

import { HookProvider } from '@pointsman/protocol/hook';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { DeliveryView, HookView } from '@pointsman/client/internal/http/resources';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import { createChannelOption } from '../../options/create-channel.ts';
import type { ExitName } from '../../exit-codes.ts';
import { type HookOptions, setHook } from './hook-setting.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { cliLimits } from '../../limits.ts';
import { rowCount } from '../../options/option-values.ts';
import { listRows } from '@pointsman/client/internal/http/pages';
import { printable } from '../../output/printable.ts';
import { channelOf, hookName } from '../../settings.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

/** `pointsman hooks`: manages hooks. A hook publishes a source after a push to its repository. */
export function hooksCommand(cli: Cli): Command {
  return new Command('hooks')
    .description('publish on pushes to a repository')
    .addCommand(setCommand(cli))
    .addCommand(
      named('list', 'list the hooks', cli, async (run) => {
        const items = await listRows(
          run.client,
          pathOf(paths.hooks, { tenant: run.tenant() }),
          HookView,
          clientLimits.pages * clientLimits.pageRows,
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
          const hook = await run.client.call(
            'GET',
            pathOf(paths.hook, { tenant: run.tenant(), hook: name }),
            HookView,
          );
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
        'delete a hook; further deliveries are refused',
        cli,
        async (run, name) => {
          await run.client.send('DELETE', pathOf(paths.hook, { tenant: run.tenant(), hook: name }));
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
    .description('create a hook, or replace its rule')
    .argument('<name>', 'its name', hookName)
    .addOption(
      new Option('--provider <provider>', 'the provider').choices(HookProvider.options).makeOptionMandatory(),
    )
    .requiredOption('--repository <name>', "in the provider's notation: owner/name")
    .requiredOption('--ref <ref>', 'refs/heads/main, or a prefix and *: refs/tags/v*')
    .option('--path <folder>', 'the folder with the source; default: the whole repository')
    .option('--channel <name>', 'the pointer to move', channelOf, channelOf(undefined))
    .addOption(createChannelOption())
    .option('--api-url <url>', "the base URL of the provider's API, if it is not github.com or gitlab.com")
    .option('--secret-stdin', 'read the shared secret from standard input')
    .option('--new-secret', 'replace the secret by a generated one, which is shown once')
    .option('--token-stdin', 'read the API token from standard input (after the secret, on its own line)')
    .option('--drop-token', 'remove the token')
    .addHelpText('after', HELP)
    .action(async (name: string, options: HookOptions, command: Command) => {
      cli.finish(await setHook(commandRun(cli, command), name, options));
    });
}

const HELP = `
A new hook gets a generated secret that is shown once, unless --secret-stdin is given. An existing hook keeps its secret and token.
The secret of a generic hook has the format of Standard Webhooks: "whsec_" and the base64 of 24 to 64 bytes.
With a token, commit statuses are posted. Its permissions: GitHub "Commit statuses: write" and "Contents: read"; GitLab "api".`;

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
    previous: 'encrypted with the previous key: set them again before that key is removed',
    lost: "can't be decrypted: set them again",
  }[hook.sealedUnder];
  return [
    ['provider', hook.provider],
    ['repository', printable(hook.repository)],
    ['ref', printable(hook.ref)],
    ['path', printable(hook.path ?? '(all)')],
    ['publishes', `${hook.bundle} → ${hook.channel}`],
    ['API', printable(hook.apiUrl ?? `(default of ${hook.provider})`)],
    ['token', hook.tokenSet ? 'set' : 'none: commit statuses are not posted'],
    ['deliver to', `${client.url}${hook.deliverTo}`],
    ...(sealed === '' ? [] : [['secrets', terminal.paint('yellow', sealed)]]),
  ];
}

function deliveriesCommand(cli: Cli): Command {
  return new Command('deliveries')
    .description('list the deliveries of a hook and their results, newest first')
    .argument('<name>', 'the hook', hookName)
    .option('--limit <n>', 'the number of rows', rowCount, cliLimits.shownRows)
    .action(async (name: string, { limit }: { limit: number }, command: Command) => {
      const run = commandRun(cli, command);
      const path = pathOf(paths.hookDeliveries, { tenant: run.tenant(), hook: name });
      const items = await listRows(run.client, path, DeliveryView, limit);
      if (run.terminal.json) run.terminal.document({ items });
      else if (items.length === 0) run.terminal.err('No deliveries yet.\n');
      else run.terminal.out(table(items.map(deliveryRow)));
      cli.finish('done');
    });
}

function deliveryRow({ receivedAt, state, ref, commit, version, reason }: DeliveryView): string[] {
  const became = version === null ? printable(reason ?? '') : `v${version}`;
  return [moment(receivedAt), state, printable(ref ?? ''), (commit ?? '').slice(0, 12), became];
}
