import { PointsmanError } from '@pointsman/protocol/errors';

/** The settings of one level of holders, for example of all tenants, or of the tokens within one tenant. */
export interface ShareLevel {
  /** The amount that every holder can get, even when the other holders use everything that is not reserved. */
  readonly minimum: number;
  /** The fraction of the capacity, from 0 to 1, that only holders within their minimum can take. */
  readonly reserved: number;
}

export interface ShareLimits {
  /** The total amount of the resource. */
  readonly capacity: number;
  /** The levels, from the outermost holder to the innermost. */
  readonly levels: readonly ShareLevel[];
}

/** The names of a holder, one per level. */
export type HolderPath = readonly string[];

/** The amount that one request holds. */
export interface Holding {
  /** Takes the amount. If that exceeds the holder's share, takes nothing and throws `busy`. */
  take(amount: number): void;
  /**
   * Takes the amount even if it exceeds the share, for work that can no longer be refused. The holder's remaining share
   * shrinks until `release`.
   */
  takeAnyway(amount: number): void;
  /** Returns everything that was taken. Idempotent. */
  release(): void;
}

/** A holder, with the holders inside it. The root node represents the whole resource. */
interface Node {
  held: number;
  readonly children: Map<string, Node>;
}

/**
 * A resource that many holders share, such as memory or slots for waiting requests. The same rule applies at each
 * level. A fraction of the capacity is reserved, so that each holder can get its minimum regardless of the others. Of
 * the rest, **a holder may hold at most as much as it leaves free**. One holder alone gets half of it, two together get
 * at most three quarters, and each further holder gets half of the remainder.
 *
 * With `r` the reserved fraction, `m` the minimum and `C` the capacity, these guarantees always hold
 * (`test/unit/api/http/shares.test.ts`):
 * - One holder has at most `(1 - r) * C / 2`, or its minimum.
 * - Two holders together have at most three quarters of `(1 - r) * C`, or the amount that this limit and their minimums
 *   allow.
 * - While fewer than `r * C / m` holders hold anything, the next holder gets its minimum.
 *
 * A fixed limit per holder would be either too small, or large enough that many holders can exhaust the capacity. The
 * rule is the "dynamic threshold" of Choudhury and Hahne (1998), with which network switches share buffers between
 * ports.
 */
export class Shares {
  readonly #limits: ShareLimits;
  readonly #root: Node = { held: 0, children: new Map() };

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** The total amount that all holders hold. */
  get held(): number {
    return this.#root.held;
  }

  /** The amount that the holder may still take. */
  room(path: HolderPath): number {
    let capacity = this.#limits.capacity;
    let used = this.#root.held;
    let node: Node | undefined = this.#root;
    let room = 0;
    for (const [depth, level] of this.#limits.levels.entries()) {
      node = node?.children.get(path[depth] ?? '');
      const own = node?.held ?? 0;
      room = roomAt(level, { capacity, used, own });
      // For the holders inside this one, its share is the capacity.
      capacity = own + room;
      used = own;
    }
    return room;
  }

  /** Throws `busy` if the holder may not take the amount now. */
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
   * Opens a holding for a holder that represents many clients, such as a proxy. It has no separate share: it takes from
   * the whole resource until that is exhausted.
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
      // When a holder holds nothing, no holder inside it holds anything, so the whole subtree can be removed.
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
  // The largest n with own + n <= common - used - n: after taking n, the holder has at most as much as is left.
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
