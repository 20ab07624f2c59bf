import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type PastMove, rollbackTarget } from '../../../core/moves/rollback.ts';

interface Step extends PastMove {
  readonly version: number;
}

/** The history of a pointer, in the form in which the database stores it. */
class History {
  readonly #moves: Step[] = [];

  get live(): number | null {
    return this.#moves.at(-1)?.version ?? null;
  }

  /** Publishes or promotes a version. If the version is already live, the pointer does not move. */
  forward(version: number): void {
    if (version === this.live) return;
    this.#moves.push({ generation: this.#moves.length + 1, restores: null, version });
  }

  /** Rolls back. Returns the generation that was restored, or null if there was no earlier one. */
  async rollBack(): Promise<number | null> {
    const target = await rollbackTarget(this.#moves.length, (at) => Promise.resolve(this.#at(at)));
    if (target === null) return null;
    const { version } = this.#at(target);
    this.#moves.push({ generation: this.#moves.length + 1, restores: target, version });
    return target;
  }

  #at(generation: number): Step {
    const move = this.#moves[generation - 1];
    if (move === undefined) throw new Error(`there is no generation ${generation}`);
    return move;
  }
}

async function through(...steps: readonly (number | 'back')[]): Promise<History> {
  const history = new History();
  for (const step of steps) {
    if (step === 'back') await history.rollBack();
    else history.forward(step);
  }
  return history;
}

const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant('back' as const)), {
  maxLength: 40,
});

describe('a rollback of a pointer', () => {
  test.each([
    ['restores the version that was live before, in the order of history', [6, 4, 5, 'back'], 4],
    ['goes further back when it follows another rollback', [6, 4, 5, 'back', 'back'], 6],
    [
      'restores the state that a publish replaced, even when that publish followed a rollback',
      [1, 2, 'back', 3, 'back'],
      1,
    ],
    ['skips a version that was rolled back before', [1, 2, 3, 'back', 4, 'back', 'back'], 1],
    ['undoes a promotion like a publish', [1, 2, 1, 'back'], 2],
    ['changes nothing when the pointer has moved only once', [1, 'back'], 1],
  ] as const)('%s', async (_title, taken, live) => {
    expect((await through(...taken)).live).toBe(live);
  });

  test('has no target when the pointer has never moved', async () => {
    expect(await new History().rollBack()).toBeNull();
  });

  test('restores the version that was live before each move, as an undo stack does, for any history', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const history = new History();
        // The model of the history is a stack. The live version is at the top. Below it are the versions that it has
        // replaced, except those that were rolled back.
        const stack: number[] = [];
        for (const step of taken) {
          if (step === 'back') {
            const restored = await history.rollBack();
            expect(restored === null).toBe(stack.length <= 1);
            if (restored !== null) stack.pop();
          } else {
            history.forward(step);
            if (step !== stack.at(-1)) stack.push(step);
          }
          expect(history.live).toBe(stack.at(-1) ?? null);
        }
      }),
    );
  });

  test('that is repeated until it is refused visits earlier states once in reverse order, down to the first', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const history = await through(...taken);
        const visited: number[] = [];
        for (let target = await history.rollBack(); target !== null; target = await history.rollBack())
          visited.push(target);
        expect(visited).toEqual([...new Set(visited)].toSorted((a, b) => b - a));
        if (visited.length > 0) expect(visited.at(-1)).toBe(1);
        expect(await history.rollBack()).toBeNull();
      }),
    );
  });

  test('reads only two recorded moves, however long the history of the pointer is', async () => {
    let read = 0;
    const moveAt = (generation: number) => {
      read += 1;
      return Promise.resolve({ generation, restores: null });
    };
    expect(await rollbackTarget(1_000_000, moveAt)).toBe(999_999);
    expect(read).toBe(2);
  });
});
