import { createHash, randomInt } from 'node:crypto';

/** Returns numbers in [0, 1) that depend only on a seed. */
export type Random = () => number;

/** Returns the seed of this run. To repeat an earlier run, set `POINTSMAN_SEED` to the seed that it printed. */
export function seedOfRun(): string {
  return process.env['POINTSMAN_SEED'] ?? String(randomInt(2 ** 32));
}

/** Creates a generator for one caller's name. Each name has its own sequence, so the order of the callers does not change their numbers. */
export function seededRandom(seed: string, name: string): Random {
  let asked = 0;
  return () => createHash('sha256').update(`${seed} ${name} ${asked++}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

export function between(random: Random, least: number, most: number): number {
  return least + random() * (most - least);
}

export function shuffled<T>(random: Random, all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, place: random() }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ one }) => one);
}
