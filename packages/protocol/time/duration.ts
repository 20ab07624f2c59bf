import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([1-9][0-9]{0,5})([smhd])$/;

/**
 * Creates a schema for a duration in a policy or on the command line: a whole number with one unit, such as
 * `90s`, `30m`, `24h` or `7d`. The text is stored unchanged, so that a policy can be read back as it was
 * written.
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

/** Returns the milliseconds of a duration. The text must match the schema {@link duration}. */
export function durationMs(text: string): number {
  const [, count = '0', unit = ''] = DURATION.exec(text) ?? [];
  return Number(count) * (UNITS[unit] ?? 0);
}

/**
 * Formats milliseconds as a duration, in the largest unit in which the number is whole. {@link durationMs}
 * parses the result.
 */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => ms % each === 0) ?? ['s', 1_000];
  return `${ms / size}${unit}`;
}
