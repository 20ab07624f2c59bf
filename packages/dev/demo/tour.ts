import { changedBundle, EXAMPLE } from './changed-bundle.ts';
import type { Shell } from './shell.ts';

/**
 * Runs the commands of the demo, which are those that a person uses to publish. Throws if one of them fails.
 */
export async function tour(shell: Shell, folder: string): Promise<void> {
  const { heading, pointsman } = shell;
  const bundle = ['--tenant', 'acme', '--bundle', 'support-bot'];

  heading('1  A tenant, and its first release: checked, compiled, stored, then made live in one move');
  await pointsman(['tenants', 'create', 'acme']);
  await pointsman(['publish', EXAMPLE, ...bundle, '--message', 'First']);

  heading('2  What a runtime reads through the pointer: YAML compiled to canonical JSON');
  await pointsman(['show', 'agents/billing.yaml', '--raw', ...bundle]);
  process.stdout.write('\n');

  heading('3  A higher limit for refunds');
  await pointsman(['publish', await changedBundle(folder), ...bundle, '--message', 'Pay back more']);
  await pointsman(['diff', '1', '2', ...bundle]);

  heading('4  The limit was too high. Roll back, and hold the pointer until the cause is known');
  await pointsman(['rollback', '--yes', '--hold', 'refunds are too high', ...bundle]);
  await pointsman(['publish', EXAMPLE, ...bundle], { exit: 8 });

  heading('5  What happened, and by whom');
  await pointsman(['history', ...bundle]);
}
