import { createHash, randomInt } from 'node:crypto';

/** Numbers in [0, 1) that follow from a seed. */
export type Random = () => number;

/** The seed of a run: `POINTSMAN_SEED` repeats one that was printed. */
export function seedOfRun(): string {
  return process.env['POINTSMAN_SEED'] ?? String(randomInt(2 ** 32));
}

/** Each name has numbers of its own, so that who asks first changes nothing for the others. */
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
