import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The upper bounds of the latency histogram's buckets, in seconds. The smallest fits a cached read, and the largest fits a publish of the
 * largest source.
 */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** One sample of a gauge or a counter, with the value of its label. */
export interface Sample {
  readonly label: string;
  readonly value: number;
}

/**
 * The metrics of one API instance, in the Prometheus text format. The labels contain route templates instead of requested paths. Otherwise
 * each tenant name and each guessed URL would create a time series. Each instance has its own registry, so that two instances in one
 * process do not share counts.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'pointsman_http_requests_total',
    help: 'Requests with a response.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.#registry],
  });
  readonly #durations = new Histogram({
    name: 'pointsman_http_request_duration_seconds',
    help: 'Time from the headers of a request to the headers of its response, in seconds.',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers: [this.#registry],
  });

  /** The media type of the text that {@link text} returns. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Adds a gauge whose value is read at each scrape. If `read` returns null, the gauge has no sample. `read` must not reject. */
  gauge(name: string, help: string, read: () => number | Promise<number | null>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        const value = await read();
        if (value === null) gauge.remove();
        else gauge.set(value);
      },
    });
  }

  /**
   * Adds a gauge with one sample for each value of the label. `read` is called at each scrape. It must not reject, and must end within a
   * limited time.
   */
  gaugeBy(label: string, name: string, help: string, read: () => Promise<readonly Sample[]>): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        const samples = await read();
        gauge.reset();
        for (const sample of samples) gauge.set({ [label]: sample.label }, sample.value);
      },
    });
  }

  /** Adds a counter with one sample for each value of the label. `read` is called at each scrape, and returns values that only grow. */
  counterBy(label: string, name: string, help: string, read: () => readonly Sample[]): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        counter.reset();
        for (const sample of read()) counter.inc({ [label]: sample.label }, sample.value);
      },
    });
  }

  /** Counts one request and records its duration. */
  observe(request: { method: string; route: string; status: number; seconds: number }): void {
    const { method, route, status, seconds } = request;
    this.#requests.inc({ method, route, status });
    this.#durations.observe({ route }, seconds);
  }

  /** Returns the metrics as text with the media type {@link contentType}. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
