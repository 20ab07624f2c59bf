import { z } from 'zod';

/**
 * A period during which a pointer must not move, in local time. The window that contains it defines the time
 * zone.
 */
export type Freeze =
  | {
      readonly kind: 'weekly';
      /** The ISO day of the week: 1 is Monday. */
      readonly day: number;
      readonly hour: number;
      readonly minute: number;
      /** The length of the freeze in minutes: less than a week. */
      readonly minutes: number;
    }
  | {
      readonly kind: 'once';
      /** The start in local time, for example `2026-12-23T12:00`. */
      readonly from: string;
      readonly to: string;
    };

export const MINUTES_A_WEEK = 7 * 24 * 60;

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const WEEKLY = /^([A-Z][a-z]{2}) (\d\d):(\d\d) - ([A-Z][a-z]{2}) (\d\d):(\d\d)$/;
const ONCE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d) - (\d{4}-\d\d-\d\dT\d\d:\d\d)$/;

const GRAMMAR =
  'must be written like "Fri 16:00 - Mon 07:00" (every week) or "2026-12-23T12:00 - 2027-01-02T08:00" (once)';
const NO_SUCH_TIME = 'has a day or a time that does not exist';

/** Parses a freeze, or returns what is wrong with the text. */
export function readFreeze(text: string): Freeze | { readonly kind: 'wrong'; readonly problem: string } {
  const [, from = '', to = ''] = ONCE.exec(text) ?? [];
  if (from !== '') return once(from, to);
  const [, day = '', hour, minute, lastDay = '', lastHour, lastMinute] = WEEKLY.exec(text) ?? [];
  if (day === '') return wrong(GRAMMAR);
  const first = minuteOfWeek(day, Number(hour), Number(minute));
  const last = minuteOfWeek(lastDay, Number(lastHour), Number(lastMinute));
  if (first === null || last === null) return wrong(NO_SUCH_TIME);
  if (first === last) return wrong('must not begin and end at the same time of the week');
  const minutes = (last - first + MINUTES_A_WEEK) % MINUTES_A_WEEK;
  return {
    kind: 'weekly',
    day: DAYS.indexOf(day) + 1,
    hour: Number(hour),
    minute: Number(minute),
    minutes,
  };
}

const LocalTime = z.iso.datetime({ local: true, precision: -1 });

function once(from: string, to: string): ReturnType<typeof readFreeze> {
  if (!LocalTime.safeParse(from).success || !LocalTime.safeParse(to).success) return wrong(NO_SUCH_TIME);
  return from < to ? { kind: 'once', from, to } : wrong('must end after it begins');
}

function minuteOfWeek(day: string, hour: number, minute: number): number | null {
  const days = DAYS.indexOf(day);
  return days < 0 || hour > 23 || minute > 59 ? null : (days * 24 + hour) * 60 + minute;
}

function wrong(problem: string) {
  return { kind: 'wrong', problem } as const;
}
