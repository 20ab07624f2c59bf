import { PointsmanError } from '@pointsman/protocol/errors';

/**
 * The settings of one level in the hierarchy of holders. For example, tenants are one level, and the tokens of each tenant are the next.
 */
export interface ShareLevel {
  /** The amount that each holder can get, even when other holders use all of the unreserved capacity. */
  readonly minimum: number;
  /** The reserved fraction of the capacity, from 0 to 1. A holder can use the reserved part only up to its minimum amount. */
  readonly reserved: number;
}

export interface ShareLimits {
  /** The total amount of the resource, for example in bytes. */
  readonly capacity: number;
  /** The settings of each level, from the outermost holder (such as a tenant) to the innermost (such as a token). */
  readonly levels: readonly ShareLevel[];
}

/** The names that identify a holder, one per level: for example a tenant and a token. */
export type HolderPath = readonly string[];

/** The part of a resource that one request holds. */
export interface Holding {
  /** Takes an amount of the resource. If the amount exceeds the holder's share, takes nothing and throws `busy`. */
  take(amount: number): void;
  /**
   * Takes an amount even if it exceeds the holder's share. This is for work that can no longer be refused. Until `release`, the holder can
   * take correspondingly less.
   */
  takeAnyway(amount: number): void;
  /** Returns everything that was taken from the resource. Idempotent. */
  release(): void;
}

/** A holder, with the holders inside it (such as the tokens of a tenant). The root node represents the whole resource. */
interface Node {
  held: number;
  readonly children: Map<string, Node>;
}

/**
 * A resource that many holders share, such as memory or slots for waiting requests. A fraction of the capacity is reserved, so that each
 * holder can get its minimum regardless of the others. The rest is unreserved: **a holder may hold at most as much of it as is still
 * free**. One holder alone therefore gets at most half of it, two together get at most three quarters, and each further holder gets half of
 * the remainder. The same rule applies at each level.
 *
 * `r` is the reserved fraction, `m` the minimum and `C` the capacity. These guarantees always hold (`test/unit/api/http/shares.test.ts`):
 * - One holder has at most `(1 - r) * C / 2`, or its minimum if that is larger.
 * - Two holders together have at most three quarters of `(1 - r) * C`, unless their minimums allow more.
 * - While fewer than `r * C / m` holders hold anything, the next holder gets its minimum.
 *
 * A fixed limit per holder would not work: it would be too small, or so large that many holders together could exhaust the capacity. The
 * rule is the "dynamic threshold" of Choudhury and Hahne (1998). Network switches use it to share buffers between ports.
 */
export class Shares {
  readonly #limits: ShareLimits;
  readonly #root: Node = { held: 0, children: new Map() };

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** The amount of the resource that all holders hold together. */
  get held(): number {
    return this.#root.held;
  }

  /** The additional amount of the resource that a holder may take now. */
  room(path: HolderPath): number {
    let capacity = this.#limits.capacity;
    let used = this.#root.held;
    let node: Node | undefined = this.#root;
    let room = 0;
    for (const [depth, level] of this.#limits.levels.entries()) {
      node = node?.children.get(path[depth] ?? '');
      const own = node?.held ?? 0;
      room = roomAt(level, { capacity, used, own });
      // The share of this holder is the total amount that the holders inside it can take.
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
   * Lets a client that represents many others, such as a proxy, take from the resource. The only limit for it is the capacity of the whole
   * resource.
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
      // If a holder holds nothing, the holders inside it hold nothing either. Its whole subtree can therefore be removed.
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
  // `shared` is the largest amount n that satisfies own + n <= common - used - n. After taking n, the holder holds at most as much as is
  // still free.
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
