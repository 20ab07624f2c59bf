/** Remembers for a while how compilations of sources ended that ended badly. */
export interface EndedSources<T> {
  readonly add: (tenant: string, digest: string, end: T) => void;
  /** How the source ended before, as long as that is remembered. */
  readonly recall: (tenant: string, digest: string) => T | undefined;
}

export interface EndedLimits {
  readonly exhaustedMs: number;
  readonly exhaustedKept: number;
}

/** `now` in milliseconds, of any beginning. */
export function endedSources<T>(
  { exhaustedMs, exhaustedKept }: EndedLimits,
  now: () => number = () => performance.now(),
): EndedSources<T> {
  // All are kept equally long, so the oldest comes first.
  const kept = new Map<string, { readonly end: T; readonly until: number }>();
  const forget = (): void => {
    for (const [name, { until }] of kept) {
      if (until > now() && kept.size <= exhaustedKept) return;
      kept.delete(name);
    }
  };
  return {
    add: (tenant, digest, end) => {
      const name = `${tenant}/${digest}`;
      kept.delete(name);
      kept.set(name, { end, until: now() + exhaustedMs });
      forget();
    },
    recall: (tenant, digest) => {
      forget();
      return kept.get(`${tenant}/${digest}`)?.end;
    },
  };
}
