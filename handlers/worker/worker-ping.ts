import { implement } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { Worker } from '../contract/worker.ts';
import type { Deps } from '../ports/deps.ts';

/**
 * Both handlers return at once: whoever calls them through Restate learns that Restate reaches a worker that makes progress, and what that
 * worker reaches. Dies inside or is killed: nothing is lost. A call that can't be served now is not retried later, and one that was leaves
 * no trace, so that calling often is harmless.
 */
export function workerService({ systems }: Deps) {
  return implement(Worker, {
    description: 'Says that a worker is there, and which systems it reaches.',
    handlers: {
      ping: async () => null,
      checkSystems: (ctx) => ctx.run('check systems', () => systems.check(), stepRetries.once),
    },
    options: {
      retryPolicy: { maxAttempts: 1, onMaxAttempts: 'kill' },
      journalRetention: 0,
      // Of a call without a key, too: with the server's own retention Restate lists each one for a day.
      idempotencyRetention: 0,
    },
  });
}
