import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { pino } from 'pino';
import { expect, test } from 'vitest';

import { type MoveEvent, moveEvent } from '../../../packages/protocol/moves/move-event.ts';
import { webhookDelivery } from '../../../services/webhooks/deliver.ts';
import { newWebhookSecret } from '../../../packages/protocol/webhooks/webhook-secret.ts';
import { outside } from '../../support/data/outbound.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(`${root}/docs/guides/webhooks.md`, 'utf8');
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``).exec(page)![1]!;

function move(generation: number): MoveEvent {
  const to = { version: generation, digest: `sha256:${'0'.repeat(64)}` };
  const at = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };
  return moveEvent({
    ...at,
    generation,
    seq: generation,
    from: null,
    to,
    movedAt: '2026-03-01T12:00:00.000Z',
  });
}

test('the Node receiver of docs/guides/webhooks.md accepts each generation once, and refuses a request that is signed with another secret', async () => {
  await using world = outside();
  const secret = newWebhookSecret();
  const child = spawn(process.execPath, ['--input-type=module', '--eval', block('js')], {
    cwd: root,
    env: { WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const line = async (): Promise<string> => String((await lines.next()).value);
    const url = `http://127.0.0.1:${(await line()).replace('port ', '')}/`;
    const delivery = webhookDelivery({ outbound: world.open(), log: pino({ level: 'silent' }) });
    const send = (generations: number[], ...secrets: string[]) =>
      delivery.send({ tenant: 'acme', events: generations.map(move) }, { sink: 'audit', url, secrets });
    expect(await send([1, 2], secret)).toMatchObject({ count: 2 });
    expect(await send([9], newWebhookSecret())).toMatchObject({ count: 0, attempts: [{ status: 401 }] });
    // Simulates the rotation of a secret, during which events have two signatures.
    expect(await send([2, 3], newWebhookSecret(), secret)).toMatchObject({ count: 2 });
    const printed = [await line(), await line(), await line()].join('\n');
    expect(page).toContain(`\`\`\`\n${printed}\n\`\`\``);
  } finally {
    child.kill();
    await exited;
  }
});
