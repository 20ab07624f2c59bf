/** What a compilation was ended for. */
export interface Exhausted {
  readonly kind: 'exhausted';
  readonly limit: 'time' | 'memory';
  readonly message: string;
}

/** Remembers for a while which sources exhausted a bound. */
export interface ExhaustedSources {
  readonly add: (tenant: string, digest: string, result: Exhausted) => void;
  /** How the source ended before, as long as that is remembered. */
  readonly recall: (tenant: string, digest: string) => Exhausted | undefined;
}

export interface ExhaustedLimits {
  readonly exhaustedMs: number;
  readonly exhaustedKept: number;
}

/** `now` in milliseconds, of any beginning. */
export function exhaustedSources(
  { exhaustedMs, exhaustedKept }: ExhaustedLimits,
  now: () => number = () => performance.now(),
): ExhaustedSources {
  // All are kept equally long, so the oldest comes first.
  const kept = new Map<string, { readonly result: Exhausted; readonly until: number }>();
  const forget = (): void => {
    for (const [name, { until }] of kept) {
      if (until > now() && kept.size <= exhaustedKept) return;
      kept.delete(name);
    }
  };
  return {
    add: (tenant, digest, result) => {
      const name = `${tenant}/${digest}`;
      kept.delete(name);
      kept.set(name, { result, until: now() + exhaustedMs });
      forget();
    },
    recall: (tenant, digest) => {
      forget();
      return kept.get(`${tenant}/${digest}`)?.result;
    },
  };
}
