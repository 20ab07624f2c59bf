import { changedBundle, EXAMPLE } from './changed-bundle.ts';
import type { Shell } from './shell.ts';

/** What Pointsman is for, told in the commands of a person who publishes. Throws when one does not do what it should. */
export async function tour(shell: Shell, folder: string): Promise<void> {
  const { say, pointsman } = shell;
  const bundle = ['--tenant', 'acme', '--bundle', 'support-bot'];

  say('1  A tenant, and its first release: checked, compiled, stored, then made live in one move');
  await pointsman(['tenants', 'create', 'acme']);
  await pointsman(['publish', EXAMPLE, ...bundle, '--message', 'First']);

  say('2  What a runtime reads through the pointer: the YAML, compiled to canonical JSON');
  await pointsman(['show', 'agents/billing.yaml', '--raw', ...bundle]);
  process.stdout.write('\n');

  say('3  A higher limit for refunds');
  await pointsman(['publish', await changedBundle(folder), ...bundle, '--message', 'Pay back more']);
  await pointsman(['diff', '1', '2', ...bundle]);

  say('4  That was too much. Back, and nobody moves the pointer until we know more');
  await pointsman(['rollback', '--yes', '--hold', 'refunds are too high', ...bundle]);
  await pointsman(['publish', EXAMPLE, ...bundle], { exit: 8 });

  say('5  What happened, and by whom');
  await pointsman(['history', ...bundle]);
}
