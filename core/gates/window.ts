import { z } from 'zod';
import { Temporal } from 'temporal-polyfill';

import { type Freeze, MINUTES_A_WEEK, readFreeze } from './freeze.ts';
import { gateLimits } from '../limits/limits.ts';

// Both end what is checked of a policy there: what looks at freezes together would not understand them.

/** An IANA time zone, such as `Europe/Oslo`. */
export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: 'must be an IANA time zone, such as "Europe/Oslo"', abort: true });

/** `Fri 16:00 - Mon 07:00` each week, or `2026-12-23T12:00 - 2027-01-02T08:00` once; local time of the window's zone. */
export const FreezeWindow = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const message = problemOf(readFreeze(text));
    if (message !== null) context.addIssue({ code: 'custom', message, continue: false });
  });

/** Freezes, and the zone whose clocks they mean. */
export interface Window {
  readonly timezone: string;
  readonly freeze: readonly string[];
}

/**
 * When the pointer may next move: `now` itself outside of every freeze, or else the end of the freezes that cover it, of which each may
 * begin where, or before, another ends. Null when that is further away than {@link gateLimits.freezeMs}.
 *
 * A freeze ends before the minute that it names. Where the clock is put forward, one that begins or ends in what is left out does so at
 * the jump. Where it is put back, one that begins in the hour that comes twice begins the first time, and one that ends in it ends the
 * second time.
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

/** Whether the weekly freezes of those windows leave no time of the week, in winter or in summer, at which all of them are open. */
export function neverOpen(windows: readonly Window[]): boolean {
  return SEASONS.every((season) => coverTheWeek(windows.flatMap((window) => spansOf(window, season))));
}

/** Of any year: zones have another clock in one of them. */
const SEASONS = ['2026-01-15T00:00Z', '2026-07-15T00:00Z'].map((season) => Temporal.Instant.from(season));

/** What {@link FreezeWindow} has let through. */
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
  return `may last ${gateLimits.freezeMs / 86_400_000} days: what is to stay for longer is better held`;
}

/** From its beginning to its end, which is not part of it, in epoch milliseconds. */
interface Closed {
  readonly begin: number;
  readonly end: number;
}

/** What a freeze closes of the time between those two. What is over before may be among it. */
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
  // It lasts less than a week, so that the one before the latest may be on, and none before that.
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

/** When the clocks of a zone show that time, the first of two times; or jump past it. */
function firstShown(local: Temporal.PlainDateTime, zone: string): number {
  return shown(local, local.toZonedDateTime(zone, { disambiguation: 'earlier' }));
}

/** The same, the second of two times. */
function lastShown(local: Temporal.PlainDateTime, zone: string): number {
  return shown(local, local.toZonedDateTime(zone, { disambiguation: 'later' }));
}

function shown(local: Temporal.PlainDateTime, resolved: Temporal.ZonedDateTime): number {
  if (resolved.toPlainDateTime().equals(local)) return resolved.epochMilliseconds;
  // A time that is left out is resolved to one before the jump, or to one after it.
  const before = local.toZonedDateTime(resolved.timeZoneId, { disambiguation: 'earlier' });
  return (before.getTimeZoneTransition('next') ?? resolved).epochMilliseconds;
}

/** From a minute of the week, by the clock of UTC. */
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
  // Each of them twice: that of the week before may reach into this one.
  const all = spans.flatMap((span) => [{ ...span, from: span.from - MINUTES_A_WEEK }, span]);
  let covered = 0;
  for (const { from, minutes } of all.toSorted((one, other) => one.from - other.from)) {
    if (from > covered) return false;
    covered = Math.max(covered, from + minutes);
  }
  return covered >= MINUTES_A_WEEK;
}

function isTimeZone(name: string): boolean {
  // Temporal takes an offset, too, and picks the zone out of a whole date.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}
