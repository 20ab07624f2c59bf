/** What the doctor found out about one thing. `unknown` means that it could not be looked at from here. */
export interface Finding {
  readonly about: string;
  readonly state: 'well' | 'odd' | 'ill' | 'unknown';
  readonly says: string;
  /** What to do about it, a line each. */
  readonly advice?: readonly string[];
}

/** The finding of a look that may fail: then the thing is ill, and says how. */
export async function look(about: string, find: () => Promise<Finding[]>): Promise<Finding[]> {
  return find().catch((error: unknown) => {
    const says = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return [{ about, state: 'ill', says }];
  });
}
