import { operationsOf } from '../support/data/hostile-requests.ts';

/** What became of a run. */
export interface FuzzReport {
  readonly requests: number;
  /** How many answers had which status; 0 for a connection that was closed without one. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly kinds: number;
  /** How many requests of each operation were answered with a 2xx. */
  readonly succeeded: ReadonlyMap<string, number>;
  /** Each in a line: a 5xx, a response later than ten seconds, something of another tenant. */
  readonly violations: readonly string[];
  /** Resident memory of the API before the run and at its highest, in MiB. */
  readonly beforeMiB: number;
  readonly peakMiB: number;
  readonly slowestMs: number;
}

/**
 * The most memory that the API's process may have resident at any moment of a run. It starts with 310. The 16 requests that are under way hold
 * at most two unpacked sources of 32 MiB, some copies of them in the thread that reads, and what the heaps grow to: 415 were measured
 * in 3,000 requests, 450 in 10,000. The rest is for slower machines, on which more is under way. What leaks 20 KiB a request goes past it in 20,000.
 */
export const MOST_API_MIB = 768;

/**
 * So many requests, and each operation is to have succeeded once more. A right request of each is sent four times as often; some of them meet what
 * another one has just used up.
 */
const REQUESTS_PER_SUCCESS = 1_500;

/** What is counted in place of an operation of the document, where one name would hide what never succeeds. */
const COUNTED_AS: ReadonlyMap<string, readonly string[]> = new Map([
  ['publish', ['publish', 'publish of an archive', 'dry run']],
  // Its body must be signed, which the document can't say: by itself it never succeeds.
  ['deliver', ['delivery of github', 'delivery of gitlab', 'delivery of generic']],
  ['postReport', ['report of a check', 'report of a compiler']],
]);

/** What a run has found, each in a line, and whatever shows that it did not reach what it is to reach. */
export function problemsOf(report: FuzzReport, document: unknown): string[] {
  const { violations, peakMiB, requests, succeeded } = report;
  const least = Math.max(1, Math.floor(requests / REQUESTS_PER_SUCCESS));
  const counted = operationsOf(document).flatMap(
    ({ operationId }) => COUNTED_AS.get(operationId) ?? [operationId],
  );
  const unreached = [...counted, 'HEAD', 'bytes'].flatMap((name) => {
    const times = succeeded.get(name) ?? 0;
    return times >= least ? [] : [`${name} succeeded ${times} times, which is fewer than ${least}`];
  });
  // Written so that a number which could not be read counts as too high.
  const isWithin = peakMiB < MOST_API_MIB;
  return [
    ...violations,
    ...(isWithin ? [] : [`the API had ${peakMiB.toFixed(0)} MiB in memory, and ${MOST_API_MIB} is the most`]),
    ...unreached,
  ];
}
