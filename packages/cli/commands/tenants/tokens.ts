import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';

import { Role, TOKEN_PREFIX, TokenId, TokenName } from '@pointsman/protocol/access';
import type { NewToken } from '@pointsman/protocol/tenants/tenant-bodies';
import { firstMessage } from '@pointsman/protocol/json/schema-issues';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { TokenMade, TokenView } from '@pointsman/client/internal/http/resources';
import type { ApiClient } from '@pointsman/client/internal/http/client';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { clientLimits } from '@pointsman/client/internal/http/limits';
import { listRows } from '@pointsman/client/internal/http/pages';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

interface CreateOptions {
  readonly role: readonly Role[];
}

/** `pointsman tokens`: creates, lists and revokes tokens. */
export function tokensCommand(cli: Cli): Command {
  const create = new Command('create')
    .description('create a token and print it; it is shown only once')
    .argument('<name>', 'the name of the holder: a person, a pipeline, a runtime', tokenName)
    .requiredOption(
      '--role <role>',
      `a role of the token; repeat for several (${Role.options.join(', ')})`,
      addRole,
    )
    .addHelpText('after', CREATE_HELP)
    .action(async (name: string, { role }: CreateOptions, command: Command) => {
      cli.finish(await makeToken(commandRun(cli, command), name, role));
    });
  const list = new Command('list')
    .description("list the active tokens: the tenant's, or all that you may see")
    .option('--all', 'include revoked tokens')
    .action(async (options: { all?: boolean }, command: Command) => {
      cli.finish(await showTokens(commandRun(cli, command), options.all === true));
    });
  const revoke = new Command('revoke')
    .description('revoke a token; it is refused from the next request on')
    .argument('<id>', 'its id, as in "tokens list"', tokenId)
    .action(async (id: string, _options: unknown, command: Command) => {
      cli.finish(await revokeToken(commandRun(cli, command), id));
    });
  return new Command('tokens')
    .description('create, list and revoke tokens')
    .addCommand(create)
    .addCommand(list)
    .addCommand(revoke);
}

async function makeToken(run: CommandRun, name: string, roles: readonly Role[]): Promise<ExitName> {
  const { client, terminal } = run;
  const tenant = run.tenantIfGiven();
  const made = await postToken(client, { name, roles: [...roles], ...(tenant === null ? {} : { tenant }) });
  if (terminal.json) terminal.document(made);
  else {
    // stdout contains only the token, so that a script can capture it.
    terminal.out(`${made.token}\n`);
    terminal.err(
      `Created "${made.name}" for ${scope(made)}: ${made.roles.join(', ')}. The token is shown only once.\n`,
    );
    terminal.err(`  Revoke it: pointsman tokens revoke ${made.id}\n`);
  }
  return 'done';
}

/**
 * Creates a token with a new random idempotency key. The API may report that a token with this key exists. An
 * earlier attempt of this request has then created it, and the response with the token was lost. This
 * function then revokes that token and creates another one. If that response is lost too, the command fails.
 */
async function postToken(client: ApiClient, json: NewToken): Promise<TokenMade> {
  const post = () =>
    client.call('POST', paths.tokens, TokenMade, { json, headers: { 'idempotency-key': randomUUID() } });
  try {
    return await post();
  } catch (error) {
    const lost =
      error instanceof ApiProblem && error.problem.replayed === true ? error.problem.tokenId : undefined;
    if (lost === undefined) throw error;
    await client.send('DELETE', pathOf(paths.token, { id: lost }));
    return post();
  }
}

async function showTokens(run: CommandRun, isAll: boolean): Promise<ExitName> {
  const { client, terminal } = run;
  const query = { tenant: run.tenantIfGiven() ?? undefined, state: isAll ? 'all' : 'active' };
  const items = await listRows(
    client,
    paths.tokens,
    TokenView,
    clientLimits.pages * clientLimits.pageRows,
    query,
  );
  if (terminal.json) terminal.document({ items });
  else if (items.length === 0) terminal.err('There are no tokens.\n');
  else {
    const rows = items.map((token) => [
      token.id,
      token.name,
      scope(token),
      token.roles.join(','),
      moment(token.createdAt),
      token.revokedAt === null ? '' : terminal.paint('red', `revoked ${moment(token.revokedAt)}`),
    ]);
    terminal.out(table(rows));
  }
  return 'done';
}

async function revokeToken({ client, terminal }: CommandRun, id: string): Promise<ExitName> {
  await client.send('DELETE', pathOf(paths.token, { id }));
  if (terminal.json) terminal.document({ id, revoked: true });
  else terminal.out(`${terminal.paint(['bold', 'green'], 'revoked')}  ${id}\n`);
  return 'done';
}

function scope({ tenant }: Pick<TokenView, 'tenant'>): string {
  return tenant ?? 'the platform';
}

function tokenName(text: string): string {
  const parsed = TokenName.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`${firstMessage(parsed)}.`);
}

function addRole(text: string, before: readonly Role[] = []): readonly Role[] {
  const parsed = Role.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`A role is one of ${Role.options.join(', ')}.`);
  return before.includes(parsed.data) ? before : [...before, parsed.data];
}

/**
 * Parses the ID of a token. Rejects a token given instead of its ID, because the ID becomes part of a URL,
 * and URLs are logged. The error message does not contain the argument, because the argument may be a secret.
 */
function tokenId(text: string): string {
  const parsed = TokenId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CliError(
    'usage',
    text.startsWith(TOKEN_PREFIX)
      ? 'The argument is the token itself. Pass its id.'
      : 'The id of a token must be a UUID.',
    { hints: ['To list the ids: pointsman tokens list'] },
  );
}

const CREATE_HELP = `
Without a tenant (--tenant, POINTSMAN_TENANT) the token belongs to the platform and works for all tenants. A token that is created by a tenant's
admin belongs to that tenant. Standard output contains only the token:
  TOKEN=$(pointsman tokens create ci --tenant acme --role publisher)`;
