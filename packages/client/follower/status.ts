import type { Log } from '../log.ts';
import type { FollowFailure } from './failure.ts';

/**
 * The parts of a follower that can fail. A problem of a part is listed in the status until the part succeeds
 * again.
 */
export type Concern = 'source' | 'pointer' | 'artifact' | 'disk' | 'acknowledgement';

/** The numbers of pointers and events that the follower received and ignored. */
export interface Ignored {
  /**
   * Pointers and events with an older generation than the running one. They arrived late, were repeated, or
   * came from a source that lags behind.
   */
  readonly older: number;
  /** Events that are invalid, or whose fields contradict each other. */
  readonly garbage: number;
  /** Events for other pointers. They are normal on a shared stream. */
  readonly elsewhere: number;
  /** Events with a generation that the API does not have, or has with other content. */
  readonly false: number;
}

export interface FollowerStatus {
  readonly generation: number;
  readonly version: number | null;
  readonly digest: string | null;
  /** The generation that is being fetched. Null if no fetch is running. */
  readonly wanted: number | null;
  /**
   * The state of the connection to the source of hints. `retrying`: the last connection failed, and another
   * one follows.
   */
  readonly transport: 'listening' | 'retrying' | 'closed';
  /** The time of the last response from the API, in ISO 8601. Null before the first one. */
  readonly lastContact: string | null;
  /** The milliseconds since the API last confirmed that the running bundle is the current one. */
  readonly stalenessMs: number | null;
  /** The generation that the API has recorded for this follower. Null before the first acknowledgement. */
  readonly acknowledged: number | null;
  /** Whether the running bundle is complete on disk, so that a process that starts now would find it. */
  readonly isOnDisk: boolean;
  readonly ignored: Ignored;
  readonly problems: Readonly<Partial<Record<Concern, string>>>;
  readonly lastError: { readonly concern: Concern; readonly message: string; readonly at: string } | null;
}

/** The logger of the program that uses this library. */
export type FollowerLog = Pick<Log, 'info' | 'warn'>;

/** Collects problems and ignored events for the status, and logs them. */
export class ProblemLog {
  readonly #log: FollowerLog | undefined;
  readonly #name: object;
  readonly #problems = new Map<Concern, string>();
  readonly #ignored = { older: 0, garbage: 0, elsewhere: 0, false: 0 };
  #lastError: FollowerStatus['lastError'] = null;

  constructor(log: FollowerLog | undefined, name: object) {
    this.#log = log;
    this.#name = name;
  }

  get seen(): Pick<FollowerStatus, 'ignored' | 'problems' | 'lastError'> {
    return {
      ignored: { ...this.#ignored },
      problems: Object.fromEntries(this.#problems),
      lastError: this.#lastError,
    };
  }

  /** Records a problem. Logs it only when it begins or its message changes, not at each attempt. */
  failed(concern: Concern, { message }: Pick<FollowFailure, 'message'>): void {
    if (this.#problems.get(concern) !== message) this.#log?.warn({ ...this.#name, concern }, message);
    this.#problems.set(concern, message);
    this.#lastError = { concern, message, at: new Date().toISOString() };
  }

  recovered(concern: Concern): void {
    if (this.#problems.delete(concern)) this.#log?.info({ ...this.#name, concern }, 'has recovered');
  }

  ignore(why: keyof Ignored, reason: string): void {
    this.#ignored[why]++;
    // Events for an older generation and for other pointers are normal, so they are not logged.
    if (why === 'garbage' || why === 'false') this.#log?.warn({ ...this.#name, ignored: why }, reason);
  }
}
