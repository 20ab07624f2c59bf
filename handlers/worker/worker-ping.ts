import { implement } from '@restatedev/restate-sdk';

import { stepRetries } from '../../core/limits/limits.ts';
import { Worker } from '../contract/worker.ts';
import type { Deps } from '../ports/deps.ts';

/**
 * Shows that Restate can call a running worker, and reports which systems that worker can write to. If the
 * worker dies or the invocation is killed, no data is lost. Restate does not retry a failed call and does not
 * keep a completed one, so that frequent calls are cheap.
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
      // `idempotencyRetention` also applies to calls without an idempotency key. With the default of the
      // Restate server, each call would stay listed for a day.
      idempotencyRetention: 0,
    },
  });
}
