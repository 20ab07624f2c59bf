import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { StoredBundle } from '../../core/releases/slot.ts';
import { CancelResult, type PublishRequest, PublishResult } from '../contract/tenant.ts';

/**
 * The port that admits releases into the database. The rules for all ports at the top of ports/deps.ts apply.
 */

/**
 * A publish request, with the placement (start, queue or reject) that the tenant's object chose from its
 * Restate state. The database applies the placement, or returns why it does not fit the stored releases.
 */
export interface AdmitRequest extends PublishRequest {
  readonly tenant: string;
  readonly version: number;
  readonly at: number;
  /**
   * `start`: start the release immediately. `queue`: append it to the queue. `reject`: reject the request
   * because another release is in flight. `full`: reject it because the queue is full.
   */
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /**
   * The release that occupies the slot according to the Restate state, or null. The database checks whether
   * that release has already settled.
   */
  readonly inFlight: number | null;
  /**
   * The releases that the new one supersedes. A queued release settles immediately. For a running release,
   * the database only records that it must stop.
   */
  readonly supersedes: readonly number[];
}

const [Accepted, ...Refused] = PublishResult.options;

/**
 * The Restate invocation IDs of running releases that must be cancelled. A release that has not begun its first
 * step is not listed: that step ends the release by itself.
 */
const Invocations = z.array(z.string());

export const Admission = z.discriminatedUnion('kind', [
  Accepted.extend({ superseded: Invocations }),
  ...Refused,
  /** A release with this version number already exists, so the Restate state is older than the database. */
  z.object({ kind: z.literal('version_taken') }),
  /**
   * The release in the slot has already settled, but the tenant's object has not received the notification
   * yet.
   */
  z.object({ kind: z.literal('slot_free') }),
]);
export type Admission = z.infer<typeof Admission>;

const [Cancelling, ...NotCancelled] = CancelResult.options;

export const CancelAnswer = z.discriminatedUnion('kind', [
  Cancelling.extend({ invocations: Invocations }),
  ...NotCancelled,
]);
export type CancelAnswer = z.infer<typeof CancelAnswer>;

export interface Admissions {
  /**
   * Admits a release in one transaction. If the idempotency key was used before, returns the earlier result.
   * Rejects the request if the pointer is on hold or does not have the expected generation. Otherwise stores
   * the release with its version number, marks the releases that it supersedes, and writes the audit row.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** Reads a bundle's releases and pointers from the database, to restore Restate state that was lost. */
  readBundle(tenant: string, bundle: string): Promise<StoredBundle>;
  /**
   * Marks a queued release as running. Returns false if the release has already settled, in which case it
   * must not start.
   */
  leaveQueue(id: ReleaseId): Promise<boolean>;
  /** Records that a running release must be cancelled, or settles a queued one as cancelled. */
  requestCancel(
    id: ReleaseId,
    request: { by: string; reason: string | null; at: number },
  ): Promise<CancelAnswer>;
}
