import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { StoredBundle } from '../../core/releases/slot.ts';
import { type CancelResult, type PublishRequest, PublishResult } from '../contract/tenant.ts';

/** The port that admits releases into the database. The rules of ports/deps.ts apply here too. */

/**
 * A publish request, with the placement that the tenant's object chose by its durable state. The database
 * applies it, or returns why it can't.
 */
export interface AdmitRequest extends PublishRequest {
  readonly tenant: string;
  readonly version: number;
  readonly at: number;
  /**
   * `start`: start immediately. `queue`: wait in the queue. `reject`: reject because another release is in
   * flight. `full`: reject because the queue is full.
   */
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /**
   * The release that occupies the slot, or null. The database checks whether that release has already
   * settled.
   */
  readonly inFlight: number | null;
  /**
   * The releases that this one supersedes. For the release in flight, the database records the intent to stop
   * it. Queued releases settle immediately.
   */
  readonly supersedes: readonly number[];
}

export const Admission = z.discriminatedUnion('kind', [
  ...PublishResult.options,
  /** The version number is already used, because the durable state is behind the database. */
  z.object({ kind: z.literal('version_taken') }),
  /** The release in the slot has already settled, but the tenant's object has not been notified yet. */
  z.object({ kind: z.literal('slot_free') }),
]);
export type Admission = z.infer<typeof Admission>;

export interface Admissions {
  /**
   * Admits a release in one transaction. Returns the earlier result if the idempotency key was used before.
   * Rejects the request if the pointer is held or has moved. Otherwise numbers the release, marks the
   * releases that it supersedes, and writes the audit row.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** Reads a bundle's state from the database, to restore lost durable state. */
  readBundle(tenant: string, bundle: string): Promise<StoredBundle>;
  /**
   * Marks a queued release as running. Returns false if the release has already settled and must not start.
   */
  leaveQueue(id: ReleaseId): Promise<boolean>;
  /** Marks a running release for cancellation, or settles a queued one. */
  requestCancel(
    id: ReleaseId,
    request: { by: string; reason: string | null; at: number },
  ): Promise<CancelResult>;
}
