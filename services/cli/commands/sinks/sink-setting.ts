import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';

import { sinkPath } from '../../client/api-paths.ts';
import type { CommandRun } from '../../context.ts';
import type { ExitName } from '../../exit-codes.ts';
import { ApiProblem, CliError } from '../../failures.ts';
import { printable } from '../../output/printable.ts';
import { SinkView } from './sink-view.ts';

export interface SecretOptions {
  readonly secretStdin?: boolean;
}

/** Makes a webhook, or gives it another address. A secret that is made here is shown here, and nowhere again. */
export async function addSink(
  run: CommandRun,
  name: string,
  url: string,
  options: SecretOptions,
): Promise<ExitName> {
  const { client, terminal } = run;
  const address = sinkPath(run.tenant(), name);
  const given = options.secretStdin === true ? await readSecret(run) : null;
  const made = given === null && !(await exists(run, address)) ? newSecret() : null;
  const secret = given ?? made;
  const sink = await client.call('PUT', address, SinkView, {
    headers: { 'idempotency-key': randomUUID() },
    json: { webhook: { url, ...(secret === null ? {} : { secret }) } },
  });
  if (terminal.json) terminal.document(made === null ? sink : { ...sink, secret: made });
  else {
    terminal.out(`${terminal.paint(['bold', 'green'], 'set')}  ${sink.sink}: ${printable(sink.url ?? '')}\n`);
    if (made !== null) showSecret(run, made);
  }
  return 'done';
}

/** The old secret goes on signing beside the new one for a day. */
export async function rotateSink(run: CommandRun, name: string, options: SecretOptions): Promise<ExitName> {
  const { client, terminal } = run;
  const address = sinkPath(run.tenant(), name);
  const given = options.secretStdin === true ? await readSecret(run) : null;
  const secret = given ?? newSecret();
  const rotated = await client.call('POST', `${address}/rotate`, z.looseObject({}), {
    headers: { 'idempotency-key': randomUUID() },
    json: { secret },
  });
  if (terminal.json) terminal.document(given === null ? { ...rotated, secret } : rotated);
  else {
    terminal.out(`${terminal.paint(['bold', 'green'], 'rotated')}  ${name}\n`);
    if (given === null) showSecret(run, secret);
    terminal.err('The secret before it signs as well for a day.\n');
  }
  return 'done';
}

/**
 * Made on this side, so that an answer that is lost on its way takes no secret with it: the request is repeated, and says the same. The form is
 * that of Standard Webhooks, "Symmetric signatures".
 */
function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

function showSecret({ terminal }: CommandRun, secret: string): void {
  terminal.out(`  secret  ${secret}\n          shown this once: give it to the endpoint\n`);
}

async function readSecret(run: CommandRun): Promise<string> {
  const [line = ''] = (await run.readStdin()).split(/\r?\n/);
  if (line === '') throw new CliError('usage', 'The secret was not on standard input.');
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
