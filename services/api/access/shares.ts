import { PointsmanError } from '@pointsman/protocol/errors';

/** One level of holders: tenants, or the tokens of one tenant. */
export interface ShareLevel {
  /** What a holder can always get, even when others have taken all that is not reserved. */
  readonly minimum: number;
  /** The fraction of the capacity, from 0 to 1, that only holders within their minimum can take. */
  readonly reserved: number;
}

export interface ShareLimits {
  /** The amount of the whole resource. */
  readonly capacity: number;
  /** From the outermost holder to the innermost. */
  readonly levels: readonly ShareLevel[];
}

/** The names of a holder, one for each level. */
export type HolderPath = readonly string[];

/** What one request holds. */
export interface Holding {
  /** Throws `busy` when the share is exhausted; then nothing was taken. */
  take(amount: number): void;
  /**
   * Takes the amount even past the share, for what can no longer be refused. Until it is given back, the holder gets less of anything else.
   */
  takeAnyway(amount: number): void;
  /** Gives everything back. Idempotent. */
  release(): void;
}

/** A holder and the holders inside it. The root is the whole resource. */
interface Node {
  held: number;
  readonly children: Map<string, Node>;
}

/**
 * A resource that many holders share: memory, or slots for waiting requests. The rule is the same at each level. A fraction of the
 * capacity is reserved: from it each holder can get its minimum, regardless of the others. Of the rest **a holder may hold at most as much
 * as it leaves free**: one holder alone gets half of it, two together at most three quarters, and each further one half of what is left.
 *
 * With `r` reserved, `m` the minimum and `C` the capacity, these hold at all times (`test/unit/api/http/shares.test.ts`):
 * one holder has at most `(1 - r) * C / 2` or its minimum; two together have at most three quarters of `(1 - r) * C`, or what that and
 * their minimums allow; and while fewer than `r * C / m` holders hold anything, the next one gets its minimum.
 *
 * A fixed limit for each holder would need either a small limit or a capacity that many holders can exhaust. This is the "dynamic
 * threshold" of Choudhury and Hahne (1998), which switches use to share their buffers between ports.
 */
export class Shares {
  readonly #limits: ShareLimits;
  readonly #root: Node = { held: 0, children: new Map() };

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** The total of all holders. */
  get held(): number {
    return this.#root.held;
  }

  /** How much the holder may still take. */
  room(path: HolderPath): number {
    let capacity = this.#limits.capacity;
    let used = this.#root.held;
    let node: Node | undefined = this.#root;
    let room = 0;
    for (const [depth, level] of this.#limits.levels.entries()) {
      node = node?.children.get(path[depth] ?? '');
      const own = node?.held ?? 0;
      room = roomAt(level, { capacity, used, own });
      // Inside this holder, its own share is the capacity.
      capacity = own + room;
      used = own;
    }
    return room;
  }

  /** Throws `busy` when the holder may not take that much now. */
  requireRoom(path: HolderPath, amount: number): void {
    if (amount > this.room(path)) throw shareExhausted();
  }

  open(path: HolderPath): Holding {
    let own = 0;
    const takeAnyway = (amount: number): void => {
      this.#add(path, amount);
      own += amount;
    };
    return {
      takeAnyway,
      take: (amount) => {
        this.requireRoom(path, amount);
        takeAnyway(amount);
      },
      release: () => {
        this.#add(path, -own);
        own = 0;
      },
    };
  }

  /**
   * For a holder that represents many clients, such as a proxy. It has no separate share, and takes from the whole resource until that is
   * exhausted.
   */
  openWhole(): Holding {
    let own = 0;
    const takeAnyway = (amount: number): void => {
      this.#root.held += amount;
      own += amount;
    };
    return {
      takeAnyway,
      take: (amount) => {
        if (this.#root.held + amount > this.#limits.capacity) throw shareExhausted();
        takeAnyway(amount);
      },
      release: () => {
        this.#root.held -= own;
        own = 0;
      },
    };
  }

  #add(path: HolderPath, amount: number): void {
    if (amount === 0) return;
    let node = this.#root;
    node.held += amount;
    for (const [depth] of this.#limits.levels.entries()) {
      const name = path[depth] ?? '';
      const child = node.children.get(name) ?? { held: 0, children: new Map() };
      child.held += amount;
      // A holder that holds nothing has no holders inside that hold anything.
      if (child.held === 0) node.children.delete(name);
      else node.children.set(name, child);
      node = child;
    }
  }
}

function roomAt(
  { minimum, reserved }: ShareLevel,
  { capacity, used, own }: { capacity: number; used: number; own: number },
): number {
  // The largest n with own + n <= common - used - n: after taking it, the holder has as much as is left.
  const common = Math.floor(capacity * (1 - reserved));
  const shared = Math.floor((common - used - own) / 2);
  const guaranteed = Math.min(minimum - own, capacity - used);
  return Math.max(shared, guaranteed, 0);
}

function shareExhausted(): PointsmanError {
  return new PointsmanError(
    'busy',
    'Your other requests use your whole share of this resource. Retry in a moment.',
  );
}
