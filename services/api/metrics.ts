/** Upper bounds of the latency histogram, in seconds: from a cached read to a publish of the largest source. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Reading = number | Promise<number | null>;

interface Series {
  readonly labels: string;
  count: number;
}

/** A gauge that somebody else has to be asked for, with a number for each set of labels, or none. */
export interface GaugeFamily {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

interface Latencies {
  readonly counts: number[];
  sum: number;
  count: number;
}

/**
 * What this process counts, in Prometheus' text format. Labels are routes as they are defined, never what was asked: neither a
 * tenant's name nor a guessed address becomes a series. A library for three metrics would be larger than they are.
 */
export class Metrics {
  readonly #requests = new Map<string, Series>();
  readonly #latencies = new Map<string, Latencies>();
  readonly #sources: (() => Promise<readonly GaugeFamily[]>)[] = [];
  readonly #gauges: { name: string; help: string; read: () => Reading }[] = [];

  /** A number that is read when somebody asks; one that is null then is left out. */
  gauge(name: string, help: string, read: () => Reading): void {
    this.#gauges.push({ name, help, read });
  }

  /** Gauges that are asked for when somebody asks. It must not reject, and ends within a bound of its own. */
  source(read: () => Promise<readonly GaugeFamily[]>): void {
    this.#sources.push(read);
  }

  observe(request: { method: string; route: string; status: number; seconds: number }): void {
    const { method, route, status, seconds } = request;
    const labels = `method="${method}",route="${route}",status="${status}"`;
    const series = this.#requests.get(labels) ?? { labels, count: 0 };
    series.count++;
    this.#requests.set(labels, series);
    const latencies = this.#latencies.get(route) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    latencies.sum += seconds;
    latencies.count++;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) latencies.counts[bucket] = (latencies.counts[bucket] ?? 0) + 1;
    this.#latencies.set(route, latencies);
  }

  /** The exposition, version 0.0.4 of the format. */
  async text(): Promise<string> {
    const families = await Promise.all(this.#sources.map((read) => read()));
    const lines = [
      '# HELP pointsman_http_requests_total Requests answered.',
      '# TYPE pointsman_http_requests_total counter',
    ];
    for (const { labels, count } of this.#requests.values())
      lines.push(`pointsman_http_requests_total{${labels}} ${count}`);
    lines.push(
      '# HELP pointsman_http_request_duration_seconds From the headers of a request to those of its answer.',
      '# TYPE pointsman_http_request_duration_seconds histogram',
    );
    for (const [route, latencies] of this.#latencies) lines.push(...histogramLines(route, latencies));
    const readings = await Promise.all(
      this.#gauges.map(async (gauge) => ({ ...gauge, value: await gauge.read() })),
    );
    for (const { name, help, value } of readings) {
      if (value !== null) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${value}`);
    }
    lines.push(...families.flat().flatMap(familyLines));
    return `${lines.join('\n')}\n`;
  }
}

function familyLines({ name, help, samples }: GaugeFamily): string[] {
  const lines = samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  // JSON escapes backslashes, quotes and line feeds just as the format wants it; other control characters have no place in a name.
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function histogramLines(route: string, { counts, sum, count }: Latencies): string[] {
  const name = 'pointsman_http_request_duration_seconds';
  let below = 0;
  const buckets = BUCKETS.map((bound, index) => {
    below += counts[index] ?? 0;
    return `${name}_bucket{route="${route}",le="${bound}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket{route="${route}",le="+Inf"} ${count}`,
    `${name}_sum{route="${route}"} ${sum}`,
    `${name}_count{route="${route}"} ${count}`,
  ];
}
