import { randomBytes, randomUUID } from 'node:crypto';

import type { HookProvider } from '@pointsman/protocol/hook';
import type { HookBody } from '@pointsman/protocol/hooks/hook-body';
import { newWebhookSecret } from '@pointsman/protocol/webhooks/webhook-secret';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { HookView } from '@pointsman/client/internal/http/resources';
import type { CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { hintAtCreating } from '../../options/create-channel.ts';
import { printable } from '../../output/printable.ts';

export interface HookOptions {
  readonly provider: HookProvider;
  readonly repository: string;
  readonly ref: string;
  readonly path?: string;
  readonly channel: string;
  readonly createChannel?: boolean;
  readonly apiUrl?: string;
  readonly secretStdin?: boolean;
  readonly newSecret?: boolean;
  readonly tokenStdin?: boolean;
  readonly dropToken?: boolean;
}

/**
 * Creates a hook or replaces its settings. If the secret was generated, prints it. It can't be shown again
 * later.
 */
export async function setHook(run: CommandRun, name: string, options: HookOptions): Promise<ExitName> {
  const { client, terminal } = run;
  const { provider, repository, ref, path, channel, createChannel, apiUrl } = options;
  const address = pathOf(paths.hook, { tenant: run.tenant(), hook: name });
  const bundle = run.bundle();
  const given = await readSecrets(run, options);
  const isMade = given.secret === undefined && (options.newSecret === true || !(await exists(run, address)));
  const secret = isMade ? madeSecret(provider) : given.secret;
  const token = options.dropToken === true ? null : given.token;
  const rule: HookBody = {
    provider,
    repository,
    ref,
    path,
    bundle,
    channel,
    createChannel,
    apiUrl,
    secret,
    token,
  };
  const hook = await client
    .call('PUT', address, HookView, { headers: { 'idempotency-key': randomUUID() }, json: rule })
    .catch((error: unknown) => {
      hintAtCreating(error);
      throw error;
    });
  if (terminal.json) terminal.document(isMade ? { ...hook, secret } : hook);
  else {
    const shown = `${printable(hook.repository)} ${printable(hook.ref)} → ${hook.bundle} ${hook.channel}`;
    terminal.out(`${terminal.paint(['bold', 'green'], 'set')}  ${hook.hook}: ${shown}\n`);
    terminal.out(`  deliver to  ${client.url}${hook.deliverTo}\n`);
    if (isMade)
      terminal.out(`  secret      ${secret}\n              shown only once: give it to the provider\n`);
    if (!hook.tokenSet && provider !== 'generic') {
      terminal.err(
        'Without a token, commit statuses are not posted, and only public repositories can be read.\n',
      );
    }
  }
  return 'done';
}

/**
 * Generates a secret in the format that the sender of the hook expects. For `generic` that is a Standard
 * Webhooks library, otherwise the Git provider.
 */
function madeSecret(provider: HookProvider): string {
  return provider === 'generic' ? newWebhookSecret() : randomBytes(32).toString('base64url');
}

/**
 * Reads the secrets that the options ask for from standard input, one per line: first the hook's secret, then
 * the token for the provider's API.
 */
async function readSecrets(
  run: CommandRun,
  { secretStdin = false, newSecret = false, tokenStdin = false, dropToken = false }: HookOptions,
): Promise<{ secret?: string; token?: string }> {
  if (secretStdin && newSecret) throw new CliError('usage', 'Give either --secret-stdin or --new-secret.');
  if (tokenStdin && dropToken) throw new CliError('usage', 'Give either --token-stdin or --drop-token.');
  if (!secretStdin && !tokenStdin) return {};
  const lines = (await run.readStdin()).split(/\r?\n/);
  const next = (what: string): string => {
    const line = lines.shift() ?? '';
    if (line === '')
      throw new CliError('usage', `Standard input does not contain the ${what}. Pass it on its own line.`);
    return line;
  };
  return {
    ...(secretStdin ? { secret: next('secret') } : {}),
    ...(tokenStdin ? { token: next('token') } : {}),
  };
}

async function exists({ client }: CommandRun, address: string): Promise<boolean> {
  try {
    await client.call('GET', address, HookView);
    return true;
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.status === 404) return false;
    throw error;
  }
}
