import { z } from 'zod';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { StoredBundle } from '../../core/releases/slot.ts';
import { type CancelResult, type PublishRequest, PublishResult } from '../contract/tenant.ts';

/** The record of publishes. The rules of ports/deps.ts apply here too. */

/**
 * The decision that the tenant's object derived from its durable state for a publish. The store applies it,
 * or returns why it can't.
 */
export interface AdmitRequest extends PublishRequest {
  readonly tenant: string;
  readonly version: number;
  readonly at: number;
  /** Start at once, wait in the queue, or be rejected because of the release in flight. */
  readonly placement: 'start' | 'queue' | 'reject' | 'full';
  /** The release that holds the slot, if any. The store checks whether it has already settled. */
  readonly inFlight: number | null;
  /** The releases that this one supersedes. One in flight gets an intent; a queued one is settled at once. */
  readonly supersedes: readonly number[];
}

export const Admission = z.discriminatedUnion('kind', [
  ...PublishResult.options,
  /** The version number is already used: the durable state is behind the record. */
  z.object({ kind: z.literal('version_taken') }),
  /** The release in the slot has settled, and the tenant's object was not notified yet. */
  z.object({ kind: z.literal('slot_free') }),
]);
export type Admission = z.infer<typeof Admission>;

export interface Admissions {
  /**
   * In one transaction: detects a repeated request by its idempotency key; rejects it for a hold or a moved
   * pointer; or numbers the release (status `running`, or `waiting` in the queue), marks the releases that it
   * supersedes, and writes the audit row.
   */
  admit(request: AdmitRequest): Promise<Admission>;
  /** Reads a bundle's state from the record, to restore lost durable state. */
  readBundle(tenant: string, bundle: string): Promise<StoredBundle>;
  /**
   * Starts a queued release: `waiting` becomes `running`. Returns false when it has already settled and must
   * not start.
   */
  leaveQueue(id: ReleaseId): Promise<boolean>;
  /** Marks a running release for cancellation, or settles a queued one. */
  requestCancel(
    id: ReleaseId,
    request: { by: string; reason: string | null; at: number },
  ): Promise<CancelResult>;
}
