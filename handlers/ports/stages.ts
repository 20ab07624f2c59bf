/** One stage's record: when it began and ended, by the workflow's clock. */
export interface StageTimes {
  readonly invocationId: string;
  readonly startedAt: number;
}

/** When a stage that has ended began and ended, in epoch milliseconds. */
export interface StageSpan {
  readonly startedAt: number;
  readonly finishedAt: number;
}

export interface CompiledDigests {
  /** Channel null is the base. */
  readonly artifacts: readonly { readonly channel: string | null; readonly digest: string }[];
}
