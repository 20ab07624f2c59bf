import { implement } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { Worker } from '../contract/worker.ts';
import type { Deps } from '../ports/deps.ts';

/**
 * Both handlers return immediately. A caller that reaches them through Restate learns that Restate reaches a
 * working worker, and which systems that worker reaches. Dies inside or is killed: nothing is lost. A failed
 * call is not retried later, and a served one leaves no journal, so that frequent calls are harmless.
 */
export function workerService({ systems }: Deps) {
  return implement(Worker, {
    description: 'Reports that a worker is running, and which systems it reaches.',
    handlers: {
      ping: async () => null,
      checkSystems: (ctx) => ctx.run('check systems', () => systems.check(), stepRetries.once),
    },
    options: {
      retryPolicy: { maxAttempts: 1, onMaxAttempts: 'kill' },
      journalRetention: 0,
      // Applies to calls without a key, too. With the server's own retention, Restate would list each call
      // for a day.
      idempotencyRetention: 0,
    },
  });
}
