/**
 * The local time of a time zone at every full minute of six weeks. It is computed without Temporal, so that tests can
 * compare both.
 */
export interface Clock {
  readonly zone: string;
  readonly instants: readonly number[];
  /** The local time at each instant, as the epoch milliseconds of the same time in UTC. */
  readonly shown: readonly number[];
  /** By local time: the first and the last index at which the clock shows it. They differ if clocks go back. */
  readonly first: ReadonlyMap<number, number>;
  readonly last: ReadonlyMap<number, number>;
  /** The index of 00:00 UTC on the day in the middle. */
  readonly middle: number;
  /** The date that many days after the day in the middle, such as `2026-03-29`. */
  date(days: number): string;
}

export const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const SPAN_DAYS = 21;

/** Creates the clock for three weeks before and three weeks after that day. */
export function clockOf(zone: string, date: string): Clock {
  const middleMs = Date.parse(`${date}T00:00:00Z`);
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const instants: number[] = [];
  const shown: number[] = [];
  for (let ms = middleMs - SPAN_DAYS * DAY; ms <= middleMs + SPAN_DAYS * DAY; ms += MINUTE) {
    const [, day, month, year, hour, minute] =
      /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(format.format(ms)) ?? [];
    instants.push(ms);
    shown.push(Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)));
  }
  const indices = shown.map((time, index): [number, number] => [time, index]);
  return {
    zone,
    instants,
    shown,
    first: new Map(indices.toReversed()),
    last: new Map(indices),
    middle: instants.indexOf(middleMs),
    date: (days) => new Date(middleMs + days * DAY).toISOString().slice(0, 10),
  };
}

/** For each minute of the clock: whether one of the freezes covers it. */
export function isFrozen(clock: Clock, freezes: readonly string[]): readonly boolean[] {
  const frozen = clock.instants.map(() => false);
  for (const [from, to] of freezes.flatMap((freeze) => occurrences(clock, freeze)))
    frozen.fill(true, beginning(clock, from), ending(clock, to));
  return frozen;
}

/** The single periods of a freeze, each with its start and end in local time. */
function occurrences({ shown }: Clock, freeze: string): [from: number, to: number][] {
  const [from = '', to = ''] = freeze.split(' - ');
  if (/^\d/.test(from)) return [[Date.parse(`${from}Z`), Date.parse(`${to}Z`)]];
  const [begins, ends] = [minuteNamed(from), minuteNamed(to)];
  const all: [number, number][] = [];
  // Starts at the first minute of the clock. An earlier period would end long before the middle, which is the only
  // part that tests use.
  for (let time = shown[0] ?? 0; time <= (shown.at(-1) ?? 0); time += MINUTE) {
    if (minuteOfWeek(time) !== begins) continue;
    let end = time;
    while (minuteOfWeek(end) !== ends) end += MINUTE;
    all.push([time, end]);
  }
  return all;
}

// The Unix epoch began on a Thursday, which is day 3 of a week that begins on Monday as day 0.
function minuteOfWeek(ms: number): number {
  return (ms / MINUTE + 3 * 24 * 60) % (7 * 24 * 60);
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function minuteNamed(text: string): number {
  const [day = '', hour, minute] = text.split(/[ :]/);
  return (DAYS.indexOf(day) * 24 + Number(hour)) * 60 + Number(minute);
}

/** The first index at which the clock shows the time. If the clock skips the time, the first index after it. */
function beginning({ first, shown }: Clock, time: number): number {
  const index = first.get(time) ?? shown.findIndex((one) => one >= time);
  return index === -1 ? shown.length : index;
}

/** The last index at which the clock shows the time. If it skips the time, the first index after it. */
function ending(clock: Clock, time: number): number {
  return clock.last.get(time) ?? beginning(clock, time);
}
