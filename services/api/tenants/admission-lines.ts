import { PointsmanError } from '@pointsman/protocol/errors';
import { admissionLimits } from '../limits.ts';

/** The calls of one tenant that run, and the calls that wait for their turn, in the order of their arrival. */
interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

type Limits = { readonly [limit in keyof typeof admissionLimits]: number };

/**
 * Limits how many calls of each tenant ask its durable object to admit a release at the same time. The object handles its calls one after the
 * other, in the order of their arrival. Without the limit, the moves of releases that are already admitted would queue behind every publish
 * that clients have sent.
 */
export class AdmissionLines {
  readonly #limits: Limits;
  readonly #lines = new Map<string, Line>();

  constructor(limits: Limits = admissionLimits) {
    this.#limits = limits;
  }

  /**
   * Runs a call when fewer than `running` calls of the tenant run. Throws `busy` if `waiting` calls of the tenant wait already, or if the call
   * gets no turn within `waitMs`.
   */
  async run<T>(tenant: string, call: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(tenant) ?? { running: 0, waiting: new Set() };
    this.#lines.set(tenant, line);
    if (line.running < this.#limits.running) line.running += 1;
    else if (line.waiting.size < this.#limits.waiting) await this.#turn(line);
    else throw tooManyPublishes();
    try {
      return await call();
    } finally {
      this.#pass(tenant, line);
    }
  }

  /** Waits until a call that ends passes its place on. */
  #turn({ waiting }: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(begin);
        reject(tooManyPublishes());
      }, this.#limits.waitMs);
      waiting.add(begin);
    });
  }

  /** Passes the place of a call that has ended to the call that has waited longest. */
  #pass(tenant: string, line: Line): void {
    const [next] = line.waiting;
    if (next !== undefined) {
      line.waiting.delete(next);
      next();
      return;
    }
    line.running -= 1;
    if (line.running === 0) this.#lines.delete(tenant);
  }
}

function tooManyPublishes(): PointsmanError {
  return new PointsmanError(
    'busy',
    'This tenant publishes faster than its releases can be admitted. Retry in a moment.',
  );
}
