import { implement } from '@restatedev/restate-sdk';

import { Worker } from './contract.ts';

/**
 * Answers at once: whoever asks through Restate learns that Restate reaches a worker that gets on with its work. Dies inside or is
 * killed: nothing is lost. One that can't be answered now is not tried again later, and one that was leaves no trace, so that asking often
 * is harmless.
 */
export const workerService = implement(Worker, {
  description: 'Says that a worker is there.',
  handlers: { ping: async () => null },
  options: {
    retryPolicy: { maxAttempts: 1, onMaxAttempts: 'kill' },
    journalRetention: 0,
    // Of a call without a key, too: with the server's own retention Restate lists each one for a day.
    idempotencyRetention: 0,
  },
});
