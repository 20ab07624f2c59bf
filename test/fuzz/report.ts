import { operationsOf } from '../support/data/hostile-requests.ts';

/** The results of a run. */
export interface FuzzReport {
  /** The number of requests that the run was to send. */
  readonly planned: number;
  /** The number of requests that were sent. It is larger if some operations had succeeded too rarely. */
  readonly requests: number;
  /** The number of responses by status. Status 0 counts connections that were closed without a response. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly kinds: number;
  /** The number of 2xx responses by operation. */
  readonly succeeded: ReadonlyMap<string, number>;
  /** One line for each violation: a 5xx, a response after more than ten seconds, or data of another tenant. */
  readonly violations: readonly string[];
  /** The resident memory of the API before the run and at its peak, in MiB. */
  readonly beforeMiB: number;
  readonly peakMiB: number;
  readonly slowestMs: number;
}

/**
 * The maximum resident memory of the API process during a run, in MiB. It starts with 310 MiB. Its 16 concurrent
 * requests hold at most two unpacked sources of 32 MiB, copies of them in the reading thread, and the growth of the
 * heaps. The measured peaks were 415 MiB in 3,000 requests and 450 MiB in 10,000. The rest is a margin for slower
 * machines, where more work overlaps. A leak of 20 KiB per request exceeds this limit after about 20,000 requests.
 */
export const MOST_API_MIB = 768;

/**
 * Each operation must succeed at least once per this number of planned requests. A run sends about four valid requests per
 * operation in that number. Some of them fail, because another request has just used up what they need.
 */
const REQUESTS_PER_SUCCESS = 1_500;

/**
 * The names under which successes of these operations are counted. A single count for the operation would hide a
 * variant that never succeeds.
 */
const COUNTED_AS: ReadonlyMap<string, readonly string[]> = new Map([
  ['publish', ['publish', 'publish of an archive', 'dry run']],
  // The body of a delivery must be signed, which the OpenAPI document can't express. Requests that are generated from
  // the document alone never succeed.
  ['deliver', ['delivery of github', 'delivery of gitlab', 'delivery of generic']],
  ['postReport', ['report of a check', 'report of a compiler']],
]);

/** The names under which the successes of all operations are counted. */
export function countedOperations(document: unknown): string[] {
  const named = operationsOf(document).flatMap(
    ({ operationId }) => COUNTED_AS.get(operationId) ?? [operationId],
  );
  return [...named, 'HEAD', 'bytes'];
}

/** Returns a line for each of these operations that succeeded too rarely for the planned number of requests. */
export function unreached(
  counted: readonly string[],
  { planned, succeeded }: Pick<FuzzReport, 'planned' | 'succeeded'>,
): string[] {
  const least = Math.max(1, Math.floor(planned / REQUESTS_PER_SUCCESS));
  return counted.flatMap((name) => {
    const times = succeeded.get(name) ?? 0;
    return times >= least ? [] : [`${name} succeeded ${times} times, which is fewer than ${least}`];
  });
}

/** The problems of a run, one line each: its violations, and the operations that succeeded too rarely. */
export function problemsOf(report: FuzzReport, document: unknown): string[] {
  const { violations, peakMiB } = report;
  // Uses `<`, so that NaN, from a value that could not be read, counts as too high.
  const isWithin = peakMiB < MOST_API_MIB;
  return [
    ...violations,
    ...(isWithin ? [] : [`the API had ${peakMiB.toFixed(0)} MiB in memory, and ${MOST_API_MIB} is the most`]),
    ...unreached(countedOperations(document), report),
  ];
}
