import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([1-9][0-9]{0,5})([smhd])$/;

/**
 * A length of time as people write it in a policy or on a command line: `90s`, `30m`, `24h`, `7d`, a whole number of one unit. Kept as it was written, so that
 * a policy reads back as its author wrote it.
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

/** Milliseconds of what {@link duration} has let through. */
export function durationMs(text: string): number {
  const [, count = '0', unit = ''] = DURATION.exec(text) ?? [];
  return Number(count) * (UNITS[unit] ?? 0);
}

/** The inverse of {@link durationMs}, in the largest unit of which it is a whole number. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => ms % each === 0) ?? ['s', 1_000];
  return `${ms / size}${unit}`;
}
