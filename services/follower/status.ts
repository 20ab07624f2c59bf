import type { FollowFailure } from './failure.ts';

/** What a follower has trouble with. Each is there until it has gone well again. */
export type Concern = 'source' | 'pointer' | 'artifact' | 'disk' | 'acknowledgement';

/** What was heard and not followed. */
export interface Ignored {
  /** Pointers and events of generations before the one that runs: late, repeated, or from somewhere that is behind. */
  readonly older: number;
  /** What is no event, or contradicts itself. */
  readonly garbage: number;
  /** Events of other pointers. Usual on streams that many share. */
  readonly elsewhere: number;
  /** Generations that the control plane does not know, or that it knows as something else. */
  readonly false: number;
}

export interface FollowerStatus {
  readonly generation: number;
  readonly version: number | null;
  readonly digest: string | null;
  /** The generation that is being fetched. */
  readonly wanted: number | null;
  /** Of the source of hints. `retrying`: the last connection failed. */
  readonly transport: 'listening' | 'retrying' | 'closed';
  /** When the control plane last answered, ISO 8601. */
  readonly lastContact: string | null;
  /** How long ago the control plane last said that what runs is what should run. */
  readonly stalenessMs: number | null;
  /** The generation that the control plane knows to run here. */
  readonly acknowledged: number | null;
  /** Whether a process that starts now would find on disk what runs. */
  readonly isOnDisk: boolean;
  readonly ignored: Ignored;
  readonly problems: Readonly<Partial<Record<Concern, string>>>;
  readonly lastError: { readonly concern: Concern; readonly message: string; readonly at: string } | null;
}

/** Where a program wants to hear of it. Pino's fits. */
export interface FollowerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What has gone wrong and what was ignored, for status and log. */
export class Troubles {
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

  /** Logged when it begins or becomes another, not at each try. */
  failed(concern: Concern, { message }: Pick<FollowFailure, 'message'>): void {
    if (this.#problems.get(concern) !== message) this.#log?.warn({ ...this.#name, concern }, message);
    this.#problems.set(concern, message);
    this.#lastError = { concern, message, at: new Date().toISOString() };
  }

  well(concern: Concern): void {
    if (this.#problems.delete(concern)) this.#log?.info({ ...this.#name, concern }, 'is well again');
  }

  ignore(why: keyof Ignored, reason: string): void {
    this.#ignored[why]++;
    // The usual ones are not worth a line.
    if (why === 'garbage' || why === 'false') this.#log?.warn({ ...this.#name, ignored: why }, reason);
  }
}
