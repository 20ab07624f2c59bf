import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([1-9][0-9]{0,5})([smhd])$/;

/**
 * A duration as people write it in a policy or on the command line: `90s`, `30m`, `24h`, `7d`, a whole number
 * with one unit. The text is stored as written, so that a policy can be read back unchanged.
 */
export function duration({ minMs, maxMs }: { minMs: number; maxMs: number }) {
  return z
    .string()
    .regex(
      DURATION,
      'must be a whole number of seconds, minutes, hours or days, such as "90s", "30m", "24h" or "7d"',
    )
    .refine(
      (text) => {
        const ms = DURATION.test(text) ? durationMs(text) : minMs;
        return minMs <= ms && ms <= maxMs;
      },
      `must be from ${durationText(minMs)} to ${durationText(maxMs)}`,
    );
}

/** Returns the milliseconds of a text that {@link duration} has accepted. */
export function durationMs(text: string): number {
  const [, count = '0', unit = ''] = DURATION.exec(text) ?? [];
  return Number(count) * (UNITS[unit] ?? 0);
}

/** Formats milliseconds, in the largest unit that divides them. The inverse of {@link durationMs}. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => ms % each === 0) ?? ['s', 1_000];
  return `${ms / size}${unit}`;
}
