import type { Log } from '../log.ts';
import type { FollowFailure } from './failure.ts';

/** The parts of a follower that can fail. Each problem is listed until that part has succeeded again. */
export type Concern = 'source' | 'pointer' | 'artifact' | 'disk' | 'acknowledgement';

/** Counts of pointers and events that were received and ignored. */
export interface Ignored {
  /**
   * Pointers and events with a generation older than the running one. They arrived late, were repeated, or
   * came from a lagging source.
   */
  readonly older: number;
  /** Events that are invalid or inconsistent. */
  readonly garbage: number;
  /** Events of other pointers, which are normal on shared streams. */
  readonly elsewhere: number;
  /** Events with a generation that the control plane does not have, or has with different content. */
  readonly false: number;
}

export interface FollowerStatus {
  readonly generation: number;
  readonly version: number | null;
  readonly digest: string | null;
  /** The generation that is being fetched. */
  readonly wanted: number | null;
  /** The state of the source of hints. `retrying`: the last connection failed. */
  readonly transport: 'listening' | 'retrying' | 'closed';
  /** The time of the control plane's last response, in ISO 8601. */
  readonly lastContact: string | null;
  /** The time since the control plane last confirmed that the running bundle is the current one. */
  readonly stalenessMs: number | null;
  /** The generation that the control plane has recorded for this follower. */
  readonly acknowledged: number | null;
  /** Whether a process that starts now would find the running bundle on disk. */
  readonly isOnDisk: boolean;
  readonly ignored: Ignored;
  readonly problems: Readonly<Partial<Record<Concern, string>>>;
  readonly lastError: { readonly concern: Concern; readonly message: string; readonly at: string } | null;
}

/** The log of the host program. */
export type FollowerLog = Pick<Log, 'info' | 'warn'>;

/** Records problems and ignored events, for the status and the log. */
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

  /** Records a problem. Logs it when it starts or changes, not at each attempt. */
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
    // Older events and events of other pointers are normal and not logged.
    if (why === 'garbage' || why === 'false') this.#log?.warn({ ...this.#name, ignored: why }, reason);
  }
}
