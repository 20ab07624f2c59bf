import { z } from 'zod';
import { Temporal } from 'temporal-polyfill';

import { type Freeze, MINUTES_A_WEEK, readFreeze } from './freeze.ts';
import { gateLimits } from '../limits/limits.ts';

// An error in one of the schemas below also aborts the later checks of the policy, because those checks need
// valid freezes.

/** An IANA time zone, such as `Europe/Oslo`. */
export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: 'must be an IANA time zone, such as "Europe/Oslo"', abort: true });

/**
 * A freeze in local time of the window's zone: weekly (`Fri 16:00 - Mon 07:00`), or once (`2026-12-23T12:00 -
 * 2027-01-02T08:00`).
 */
export const FreezeWindow = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const message = problemOf(readFreeze(text));
    if (message !== null) context.addIssue({ code: 'custom', message, continue: false });
  });

/** The freezes of a gate, and the time zone of their local times. */
export interface Window {
  readonly timezone: string;
  readonly freeze: readonly string[];
}

/**
 * Returns the next time at which the pointer may move: `nowMs` if no freeze is active, otherwise the end of
 * the active freezes, including freezes that overlap them or follow directly. Returns null if that time is
 * further away than {@link gateLimits.freezeMs}.
 *
 * The end of a freeze is exclusive. Daylight saving time skips or repeats an hour. A freeze that begins or
 * ends in a skipped hour does so at the moment of the change. In a repeated hour, a freeze begins at the
 * first occurrence of its time and ends at the second.
 */
export function opensAt({ timezone, freeze }: Window, nowMs: number): number | null {
  const lastMs = nowMs + gateLimits.freezeMs;
  const closed = freeze.flatMap((text) => closedBy(given(text), timezone, { nowMs, lastMs }));
  let opens = nowMs;
  for (const { begin, end } of closed.toSorted((one, other) => one.begin - other.begin)) {
    if (begin > opens) break;
    opens = Math.max(opens, end);
  }
  return opens <= lastMs ? opens : null;
}

/** Returns whether the weekly freezes of these windows cover the whole week, both in winter and in summer. */
export function neverOpen(windows: readonly Window[]): boolean {
  return SEASONS.every((season) => coverTheWeek(windows.flatMap((window) => spansOf(window, season))));
}

/**
 * A date in winter and one in summer, because daylight saving time shifts the freezes. The year does not
 * matter.
 */
const SEASONS = ['2026-01-15T00:00Z', '2026-07-15T00:00Z'].map((season) => Temporal.Instant.from(season));

/** Parses a text that {@link FreezeWindow} has accepted. */
function given(text: string): Freeze {
  const freeze = readFreeze(text);
  if (freeze.kind === 'wrong') throw new RangeError(`"${text}" ${freeze.problem}`);
  return freeze;
}

function problemOf(freeze: ReturnType<typeof readFreeze>): string | null {
  if (freeze.kind === 'wrong') return freeze.problem;
  if (freeze.kind === 'weekly') return null;
  const { from, to } = freeze;
  const ms = Temporal.PlainDateTime.from(from).until(to).total('milliseconds');
  if (ms <= gateLimits.freezeMs) return null;
  return `may last at most ${gateLimits.freezeMs / 86_400_000} days: to stop moves for longer, hold the pointer`;
}

/** A freeze from its beginning to its end (exclusive), in epoch milliseconds. */
interface Closed {
  readonly begin: number;
  readonly end: number;
}

/**
 * Returns the periods between `nowMs` and `lastMs` in which the freeze is active. The first one may already
 * be over.
 */
function closedBy(
  freeze: Freeze,
  zone: string,
  { nowMs, lastMs }: { nowMs: number; lastMs: number },
): Closed[] {
  if (freeze.kind === 'once') {
    const { from, to } = freeze;
    const [first, last] = [Temporal.PlainDateTime.from(from), Temporal.PlainDateTime.from(to)];
    return [{ begin: firstShown(first, zone), end: lastShown(last, zone) }];
  }
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(zone).toPlainDate();
  // A weekly freeze is shorter than a week, so only the latest one and the one before it can be active.
  const { day, hour, minute, minutes } = freeze;
  let date = today.subtract({ days: ((today.dayOfWeek - day + 7) % 7) + 7 });
  const closed: Closed[] = [];
  for (;;) {
    const first = date.toPlainDateTime({ hour, minute });
    const begin = firstShown(first, zone);
    if (begin > lastMs) return closed;
    closed.push({ begin, end: lastShown(first.add({ minutes }), zone) });
    date = date.add({ weeks: 1 });
  }
}

/**
 * Returns the instant of a local time in a zone. For a repeated local time, returns the first instant; for a
 * skipped one, the instant of the clock change.
 */
function firstShown(local: Temporal.PlainDateTime, zone: string): number {
  return shown(local, local.toZonedDateTime(zone, { disambiguation: 'earlier' }));
}

/**
 * Returns the instant of a local time in a zone, as {@link firstShown} does, but the second instant of a
 * repeated local time.
 */
function lastShown(local: Temporal.PlainDateTime, zone: string): number {
  return shown(local, local.toZonedDateTime(zone, { disambiguation: 'later' }));
}

function shown(local: Temporal.PlainDateTime, resolved: Temporal.ZonedDateTime): number {
  if (resolved.toPlainDateTime().equals(local)) return resolved.epochMilliseconds;
  // Temporal resolves a skipped time to an instant before or after the clock change, not to the change
  // itself.
  const before = local.toZonedDateTime(resolved.timeZoneId, { disambiguation: 'earlier' });
  return (before.getTimeZoneTransition('next') ?? resolved).epochMilliseconds;
}

/** A weekly freeze as a range of minutes of the week, in UTC. */
interface Span {
  readonly from: number;
  readonly minutes: number;
}

function spansOf({ timezone, freeze }: Window, season: Temporal.Instant): Span[] {
  const offset = season.toZonedDateTimeISO(timezone).offsetNanoseconds / 60e9;
  return freeze
    .map(given)
    .filter((one) => one.kind === 'weekly')
    .map(({ day, hour, minute, minutes }) => {
      const from = ((day - 1) * 24 + hour) * 60 + minute - offset;
      return { from: (from + MINUTES_A_WEEK) % MINUTES_A_WEEK, minutes };
    });
}

function coverTheWeek(spans: readonly Span[]): boolean {
  // Includes the spans of the previous week, because they may extend into this week.
  const all = spans.flatMap((span) => [{ ...span, from: span.from - MINUTES_A_WEEK }, span]);
  let covered = 0;
  for (const { from, minutes } of all.toSorted((one, other) => one.from - other.from)) {
    if (from > covered) return false;
    covered = Math.max(covered, from + minutes);
  }
  return covered >= MINUTES_A_WEEK;
}

function isTimeZone(name: string): boolean {
  // Temporal also accepts an offset such as `+02:00`, or a date that contains a zone. Neither is a zone name.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}
