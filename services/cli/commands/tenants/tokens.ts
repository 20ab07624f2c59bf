import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';

import { Role, TOKEN_PREFIX, TokenId, TokenName } from '../../../../core/access.ts';
import { firstMessage } from '../../../../core/json/schema-issues.ts';
import { tokenPath, tokensPath } from '../../client/api-paths.ts';
import type { ApiClient } from '../../client/client.ts';
import { commandRun, type Cli, type CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { cliLimits } from '../../limits.ts';
import { listRows } from '../../client/pages.ts';
import { table } from '../../output/table.ts';
import { moment } from '../../output/format.ts';

const TokenView = z.looseObject({
  id: TokenId,
  name: z.string(),
  tenant: z.string().nullable(),
  // What a newer API may give out as well.
  roles: z.array(z.string()),
  createdAt: z.string(),
  revokedAt: z.string().nullable().default(null),
});
type TokenView = z.infer<typeof TokenView>;

const TokenMade = TokenView.extend({ token: z.string() });
type TokenMade = z.infer<typeof TokenMade>;

interface CreateOptions {
  readonly role: readonly Role[];
}

/** `pointsman tokens`: who may call, and what for. */
export function tokensCommand(cli: Cli): Command {
  const create = new Command('create')
    .description('make a token, and print it: this once')
    .argument('<name>', 'who speaks by it: a person, a pipeline, a runtime', tokenName)
    .requiredOption(
      '--role <role>',
      `what it is for; give it again for more (${Role.options.join(', ')})`,
      addRole,
    )
    .addHelpText('after', CREATE_HELP)
    .action(async (name: string, { role }: CreateOptions, command: Command) => {
      cli.finish(await makeToken(commandRun(cli, command), name, role));
    });
  const list = new Command('list')
    .description("list the active tokens: the tenant's, or all that you may see")
    .option('--all', 'the revoked ones, too')
    .action(async (options: { all?: boolean }, command: Command) => {
      cli.finish(await showTokens(commandRun(cli, command), options.all === true));
    });
  const revoke = new Command('revoke')
    .description('make a token worth nothing, from the next request on')
    .argument('<id>', 'its id, as "tokens list" shows it', tokenId)
    .action(async (id: string, _options: unknown, command: Command) => {
      cli.finish(await revokeToken(commandRun(cli, command), id));
    });
  return new Command('tokens')
    .description('make, list and revoke tokens')
    .addCommand(create)
    .addCommand(list)
    .addCommand(revoke);
}

async function makeToken(run: CommandRun, name: string, roles: readonly Role[]): Promise<ExitName> {
  const { client, terminal } = run;
  const tenant = run.tenantIfGiven();
  const made = await postToken(client, { name, roles, ...(tenant === null ? {} : { tenant }) });
  if (terminal.json) terminal.document(made);
  else {
    // Alone on its line and its stream, so that a script takes it as it is.
    terminal.out(`${made.token}\n`);
    terminal.err(
      `Made "${made.name}" for ${scope(made)}: ${made.roles.join(', ')}. The token is shown this once.\n`,
    );
    terminal.err(`  "pointsman tokens revoke ${made.id}" takes it back.\n`);
  }
  return 'done';
}

/**
 * The key is of this run alone: a token that was made under it before is one whose answer was lost on the way to us. Nobody will ever
 * know it, so it is revoked, and another is made, whose answer may be lost but once more.
 */
async function postToken(client: ApiClient, json: unknown): Promise<TokenMade> {
  const post = () =>
    client.call('POST', tokensPath, TokenMade, { json, headers: { 'idempotency-key': randomUUID() } });
  try {
    return await post();
  } catch (error) {
    const lost =
      error instanceof ApiProblem && error.problem.replayed === true ? error.problem.tokenId : undefined;
    if (lost === undefined) throw error;
    await client.send('DELETE', tokenPath(lost));
    return post();
  }
}

async function showTokens(run: CommandRun, isAll: boolean): Promise<ExitName> {
  const { client, terminal } = run;
  const query = { tenant: run.tenantIfGiven() ?? undefined, state: isAll ? 'all' : 'active' };
  const items = await listRows(client, tokensPath, TokenView, cliLimits.pages * cliLimits.pageRows, query);
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
  await client.send('DELETE', tokenPath(id));
  if (terminal.json) terminal.document({ id, revoked: true });
  else terminal.out(`${terminal.paint(['bold', 'green'], 'revoked')}  ${id}\n`);
  return 'done';
}

function scope({ tenant }: TokenView): string {
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
 * An address is written to logs on its way: what is secret must not be put into one by mistake. Nor is it said again here, as commander
 * would of an argument that it is told to refuse: it may well be a token.
 */
function tokenId(text: string): string {
  const parsed = TokenId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CliError(
    'usage',
    text.startsWith(TOKEN_PREFIX) ? 'That is the token itself.' : 'The id of a token is a UUID.',
    { hints: ['"pointsman tokens list" shows it.'] },
  );
}

const CREATE_HELP = `
Without a tenant (--tenant, POINTSMAN_TENANT) it is a token of the platform, for all tenants; a tenant's
admin makes tokens of that tenant in any case. Only the token is printed on standard output:
  TOKEN=$(pointsman tokens create ci --tenant acme --role publisher)`;
