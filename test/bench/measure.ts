import { build, type Histogram } from 'hdr-histogram-js';

/** One line of the report. The ratio is our value divided by the floor's value, both from the same run. */
export interface BenchRow {
  readonly name: string;
  readonly measured: string;
  readonly floor?: string;
  readonly ratio?: number;
  readonly aim?: string;
}

/** The latencies of one series of measurements, in milliseconds. The histogram counts microseconds. */
export class Series {
  readonly #histogram: Histogram = build({
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });
  #elapsedMs = 0;

  add(tookMs: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(tookMs * 1_000)));
  }

  addElapsed(tookMs: number): void {
    this.#elapsedMs += tookMs;
  }

  percentile(p: number): number {
    return this.#histogram.getValueAtPercentile(p) / 1_000;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  get perSecond(): number {
    return (this.count * 1_000) / this.#elapsedMs;
  }
}

/** Runs `count` tasks, `clients` of them at a time. Records the time of each task, and the total time. */
export async function drive(
  series: Series,
  { count, clients }: { count: number; clients: number },
  task: (index: number, client: number) => Promise<number>,
): Promise<void> {
  let next = 0;
  const began = performance.now();
  const client = async (own: number): Promise<void> => {
    for (let index = next++; index < count; index = next++) series.add(await task(index, own));
  };
  await Promise.all(Array.from({ length: clients }, (_none, own) => client(own)));
  series.addElapsed(performance.now() - began);
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

export function latencies(series: Series): string {
  return `p50 ${ms(series.percentile(50))}, p99 ${ms(series.percentile(99))}`;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/**
 * The median of the ratios of the single rounds. If the machine is busy during one round, it slows both measurements
 * of that round, so their ratio changes little.
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, nth) => value / (theirs[nth] ?? Number.NaN)));
}

export function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const p99 = values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;
  const range = `${low.toFixed(0)} to ${high.toFixed(0)}, ${values.length} runs`;
  return `p50 ${median(values).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${range})`;
}
