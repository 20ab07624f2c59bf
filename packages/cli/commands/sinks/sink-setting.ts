import { randomUUID } from 'node:crypto';

import { pathOf, paths } from '@pointsman/protocol/paths';
import type { RotateBody, SinkBody } from '@pointsman/protocol/sinks/sink-bodies';
import { newWebhookSecret } from '@pointsman/protocol/webhooks/webhook-secret';
import { SinkSet, SinkView } from '@pointsman/client/internal/http/resources';
import type { CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { printable } from '../../output/printable.ts';

export interface SecretOptions {
  readonly secretStdin?: boolean;
}

/**
 * Creates a webhook, or changes its URL. If the secret was generated, prints it. It can't be shown again
 * later.
 */
export async function addSink(
  run: CommandRun,
  name: string,
  url: string,
  options: SecretOptions,
): Promise<ExitName> {
  const { client, terminal } = run;
  const address = pathOf(paths.sink, { tenant: run.tenant(), sink: name });
  const given = options.secretStdin === true ? await readSecret(run) : null;
  const made = given === null && !(await exists(run, address)) ? newWebhookSecret() : null;
  const secret = given ?? made;
  const json: SinkBody = { webhook: { url, ...(secret === null ? {} : { secret }) } };
  const sink = await client.call('PUT', address, SinkView, {
    headers: { 'idempotency-key': randomUUID() },
    json,
  });
  if (terminal.json) terminal.document(made === null ? sink : { ...sink, secret: made });
  else {
    terminal.out(`${terminal.paint(['bold', 'green'], 'set')}  ${sink.sink}: ${printable(sink.url ?? '')}\n`);
    if (made !== null) showSecret(run, made);
  }
  return 'done';
}

/** Replaces the secret of a webhook. For one day, Pointsman signs with both the new and the old secret. */
export async function rotateSink(run: CommandRun, name: string, options: SecretOptions): Promise<ExitName> {
  const { client, terminal } = run;
  const address = pathOf(paths.sinkRotate, { tenant: run.tenant(), sink: name });
  const given = options.secretStdin === true ? await readSecret(run) : null;
  const secret = given ?? newWebhookSecret();
  const json: RotateBody = { secret };
  const rotated = await client.call('POST', address, SinkSet, {
    headers: { 'idempotency-key': randomUUID() },
    json,
  });
  if (terminal.json) terminal.document(given === null ? { ...rotated, secret } : rotated);
  else {
    terminal.out(`${terminal.paint(['bold', 'green'], 'rotated')}  ${name}\n`);
    if (given === null) showSecret(run, secret);
    terminal.err('The previous secret also signs for a day.\n');
  }
  return 'done';
}

function showSecret({ terminal }: CommandRun, secret: string): void {
  terminal.out(`  secret  ${secret}\n          shown only once: give it to the endpoint\n`);
}

async function readSecret(run: CommandRun): Promise<string> {
  const [line = ''] = (await run.readStdin()).split(/\r?\n/);
  if (line === '')
    throw new CliError('usage', 'Standard input does not contain the secret. Pass it on its own line.');
  return line;
}

async function exists({ client }: CommandRun, address: string): Promise<boolean> {
  try {
    await client.call('GET', address, SinkView);
    return true;
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.status === 404) return false;
    throw error;
  }
}
