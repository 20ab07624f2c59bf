/** When a stage started and ended, by the workflow's clock. */
export interface StageTimes {
  readonly invocationId: string;
  readonly startedAt: number;
}

/** When a completed stage started and ended, in epoch milliseconds. */
export interface StageSpan {
  readonly startedAt: number;
  readonly finishedAt: number;
}

export interface CompiledDigests {
  /** A null channel is the base. */
  readonly artifacts: readonly { readonly channel: string | null; readonly digest: string }[];
}
