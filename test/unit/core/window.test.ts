import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { gateLimits } from '../../../core/limits/limits.ts';
import { FreezeWindow, neverOpen, opensAt, TimeZone } from '../../../core/gates/window.ts';
import { type Clock, clockOf, isFrozen, MINUTE } from './minute-stepper.ts';

const at = (iso: string) => Date.parse(iso);
const opens = (timezone: string, freeze: string[], now: string) => {
  const ms = opensAt({ timezone, freeze }, at(now));
  return ms === null ? null : new Date(ms).toISOString();
};

describe('a release window with freeze periods', () => {
  test('allows a move of the pointer immediately while it is open, to the millisecond', () => {
    const now = '2026-05-06T12:00:00.123Z';
    expect(opens('Europe/Oslo', ['Fri 16:00 - Mon 07:00'], now)).toBe(now);
    expect(opens('Europe/Oslo', ['2026-12-23T12:00 - 2027-01-02T08:00'], now)).toBe(now);
  });

  test('closes at the minute in which a freeze begins, and opens at the minute in which it ends', () => {
    const oslo = (now: string) => opens('Europe/Oslo', ['Fri 16:00 - Mon 07:00'], now);
    expect(oslo('2026-05-08T13:59:59.999Z')).toBe('2026-05-08T13:59:59.999Z');
    expect(oslo('2026-05-08T14:00:00.000Z')).toBe('2026-05-11T05:00:00.000Z');
    expect(oslo('2026-05-11T04:59:59.999Z')).toBe('2026-05-11T05:00:00.000Z');
    expect(oslo('2026-05-11T05:00:00.000Z')).toBe('2026-05-11T05:00:00.000Z');
  });

  test('can be closed by a freeze over the end of the week, or by a freeze of the whole week except for a minute', () => {
    const freeze = ['Sun 22:00 - Mon 02:00'];
    expect(opens('UTC', freeze, '2026-05-10T23:00:00.000Z')).toBe('2026-05-11T02:00:00.000Z');
    expect(opens('UTC', freeze, '2026-05-11T01:59:00.000Z')).toBe('2026-05-11T02:00:00.000Z');
    expect(opens('UTC', ['Mon 00:01 - Mon 00:00'], '2026-05-05T00:00:00.000Z')).toBe(
      '2026-05-11T00:00:00.000Z',
    );
  });

  test('opens after the last of several overlapping or adjacent freezes', () => {
    const freeze = [
      '2026-12-28T08:00 - 2026-12-31T12:00',
      'Fri 16:00 - Mon 07:00',
      '2026-12-31T12:00 - 2027-01-01T17:00',
      'Mon 07:00 - Mon 09:00',
    ];
    expect(opens('UTC', freeze, '2026-12-26T10:00:00.000Z')).toBe('2027-01-04T09:00:00.000Z');
  });

  test('does not open for a release that would have to wait longer than allowed', () => {
    const long = ['2026-01-01T00:00 - 2026-03-31T00:00', '2026-03-31T00:00 - 2026-06-01T00:00'];
    expect(opens('UTC', long, '2026-01-01T00:00:00.000Z')).toBeNull();
    const days = gateLimits.freezeMs / 86_400_000;
    const just = new Date(at('2026-06-01T00:00:00.000Z') - days * 86_400_000).toISOString();
    expect(opens('UTC', long, just)).toBe('2026-06-01T00:00:00.000Z');
    expect(opensAt({ timezone: 'UTC', freeze: long }, at(just) - 1)).toBeNull();
    expect(
      opens('UTC', ['Mon 00:00 - Thu 00:00', 'Thu 00:00 - Mon 00:00'], '2026-05-05T00:00:00.000Z'),
    ).toBeNull();
  });
});

describe('around a change between summer time and winter time,', () => {
  test.each([
    // On 29 March 2026, clocks go from 02:00 to 03:00.
    ['Europe/Oslo', 'Sat 20:00 - Sun 02:30', '2026-03-28T20:00:00Z', '2026-03-29T01:00:00.000Z'],
    ['Europe/Oslo', 'Sun 02:30 - Sun 05:00', '2026-03-29T00:59:00Z', '2026-03-29T00:59:00.000Z'],
    ['Europe/Oslo', 'Sun 02:30 - Sun 05:00', '2026-03-29T01:00:00Z', '2026-03-29T03:00:00.000Z'],
    ['Europe/Oslo', 'Sun 02:10 - Sun 02:50', '2026-03-29T01:00:00Z', '2026-03-29T01:00:00.000Z'],
    ['Europe/Oslo', 'Fri 16:00 - Mon 07:00', '2026-03-28T12:00:00Z', '2026-03-30T05:00:00.000Z'],
    // On 25 October 2026, clocks go from 03:00 back to 02:00.
    ['Europe/Oslo', 'Fri 16:00 - Mon 07:00', '2026-10-24T12:00:00Z', '2026-10-26T06:00:00.000Z'],
    ['Europe/Oslo', 'Sat 20:00 - Sun 02:30', '2026-10-25T00:45:00Z', '2026-10-25T01:30:00.000Z'],
    ['Europe/Oslo', 'Sun 02:30 - Sun 05:00', '2026-10-25T00:30:00Z', '2026-10-25T04:00:00.000Z'],
    // Clocks change on 8 March and on 1 November 2026.
    ['America/New_York', 'Sun 01:00 - Sun 02:30', '2026-03-08T06:30:00Z', '2026-03-08T07:00:00.000Z'],
    ['America/New_York', 'Sun 00:00 - Sun 01:30', '2026-11-01T05:45:00Z', '2026-11-01T06:30:00.000Z'],
    // Clocks change by half an hour. On 5 April 2026 they go from 02:00 back to 01:30, and on 4 October from 02:00 to
    // 02:30.
    ['Australia/Lord_Howe', 'Sat 22:00 - Sun 01:45', '2026-04-04T14:50:00Z', '2026-04-04T15:15:00.000Z'],
    ['Australia/Lord_Howe', 'Sun 02:15 - Sun 04:00', '2026-10-03T15:30:00Z', '2026-10-03T17:00:00.000Z'],
    // This zone has no clock changes. Its offset has a half hour.
    ['Asia/Kolkata', 'Fri 16:00 - Mon 07:00', '2026-03-28T12:00:00Z', '2026-03-30T01:30:00.000Z'],
    // In this zone, 30 December 2011 did not exist.
    [
      'Pacific/Apia',
      '2011-12-29T12:00 - 2011-12-30T12:00',
      '2011-12-30T05:00:00Z',
      '2011-12-30T10:00:00.000Z',
    ],
  ])(
    'in %s with the freeze "%s", a release that waits at %s continues at %s',
    (timezone, freeze, now, expected) => {
      expect(opens(timezone, [freeze], now)).toBe(expected);
    },
  );
});

describe('in agreement with a simulation of every minute,', () => {
  // Each clock covers three weeks before and after a clock change, if the zone has one.
  const clocks: readonly Clock[] = [
    clockOf('Europe/Oslo', '2026-03-29'),
    clockOf('Europe/Oslo', '2026-10-25'),
    clockOf('America/New_York', '2026-03-08'),
    clockOf('America/New_York', '2026-11-01'),
    clockOf('Australia/Lord_Howe', '2026-04-05'),
    clockOf('Australia/Lord_Howe', '2026-10-04'),
    clockOf('Asia/Kolkata', '2026-06-01'),
  ];
  const two = (number: number) => String(number).padStart(2, '0');
  // Generates times that are mostly adjacent, or that a clock change skips or repeats.
  const time = fc.oneof(
    fc.constantFrom('00:00', '01:30', '01:45', '02:00', '02:15', '02:30', '03:00', '16:00'),
    fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([hour, minute]) => `${two(hour)}:${two(minute)}`),
  );
  const day = fc.oneof(fc.constant('Sun'), fc.constantFrom('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'));
  const weekly = fc.tuple(day, time, day, time).map((parts) => {
    const [from, fromTime, to, toTime] = parts;
    return `${from} ${fromTime} - ${to} ${toTime}`;
  });
  /** Generates a single freeze whose start and end are some days from the clock change, in local time. */
  const once = (clock: Clock) =>
    fc
      .tuple(fc.integer({ min: -10, max: 9 }), time, fc.integer({ min: 0, max: 6 }), time)
      .map(
        ([from, fromTime, days, toTime]) =>
          `${clock.date(from)}T${fromTime} - ${clock.date(from + days)}T${toTime}`,
      );
  const cases = fc.constantFrom(...clocks).chain((clock) =>
    fc.record({
      clock: fc.constant(clock),
      freeze: fc.array(
        fc.oneof(weekly, once(clock)).filter((text) => FreezeWindow.safeParse(text).success),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      // The minute under test is near the clock change, so every relevant freeze is inside the clock's six weeks.
      minute: fc.oneof(
        fc.integer({ min: -24 * 60, max: 24 * 60 }),
        fc.integer({ min: -7 * 24 * 60, max: 7 * 24 * 60 }),
      ),
      ms: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: MINUTE - 1 })),
    }),
  );

  test('a window opens at the first minute without a freeze, and immediately when there is no freeze', () => {
    fc.assert(
      fc.property(cases, ({ clock, freeze, minute, ms }) => {
        const frozen = isFrozen(clock, freeze);
        const now = clock.middle + minute;
        const nowMs = clock.instants[now] ?? 0;
        let open = now;
        while (frozen[open]) open++;
        const found = opensAt({ timezone: clock.zone, freeze }, nowMs + ms);
        if (open === now) expect(found).toBe(nowMs + ms);
        else if (open < clock.instants.length) expect(found).toBe(clock.instants[open]);
        else expect(found ?? Infinity).toBeGreaterThan(clock.instants.at(-1) ?? 0);
      }),
      { numRuns: 400 },
    );
  });

  test('the simulated clock includes the last minute of each freeze, so adjacent freezes leave no open minute after the first week', () => {
    const clock = clockOf('Europe/Oslo', '2026-03-29');
    const frozen = isFrozen(clock, ['Sun 02:00 - Mon 00:00', 'Sun 02:01 - Sun 02:00']);
    expect(frozen.lastIndexOf(false)).toBeLessThan(7 * 24 * 60);
  });

  test('the time at which a window opens is outside of all freezes', () => {
    fc.assert(
      fc.property(cases, ({ clock, freeze, minute, ms }) => {
        const nowMs = (clock.instants[clock.middle + minute] ?? 0) + ms;
        const window = { timezone: clock.zone, freeze };
        const opened = opensAt(window, nowMs);
        if (opened !== null) expect(opensAt(window, opened)).toBe(opened);
      }),
    );
  });
});

describe('release windows that never open', () => {
  test('are distinguished from windows that leave one minute of the week open', () => {
    const week = ['Mon 00:00 - Thu 12:00', 'Thu 12:00 - Mon 00:00'];
    const window = (freeze: string[], timezone = 'Europe/Oslo') => ({ timezone, freeze });
    expect(neverOpen([])).toBe(false);
    expect(neverOpen([window(week)])).toBe(true);
    expect(neverOpen([window(['Fri 16:00 - Mon 07:00', 'Mon 06:00 - Sat 00:00'])])).toBe(true);
    expect(neverOpen([window(['Mon 00:00 - Thu 12:00', 'Thu 12:01 - Mon 00:00'])])).toBe(false);
    expect(neverOpen([window(['2026-01-01T00:00 - 2026-01-02T00:00'])])).toBe(false);
    expect(neverOpen([window(week.slice(0, 1)), window(week.slice(1))])).toBe(true);
  });

  test('in different time zones are found only when every minute of the week is frozen both in winter and in summer', () => {
    const winterCover = [
      { timezone: 'UTC', freeze: ['Mon 00:00 - Thu 00:00'] },
      { timezone: 'Europe/Oslo', freeze: ['Thu 01:00 - Mon 01:00'] },
    ];
    expect(neverOpen(winterCover)).toBe(false);
    const bothCovered = [winterCover[0], { timezone: 'Europe/Oslo', freeze: ['Thu 01:00 - Mon 02:00'] }];
    expect(neverOpen(bothCovered.filter((one) => one !== undefined))).toBe(true);
  });
});

describe('the notation of a freeze', () => {
  test.each([
    ['Fri 16:00 - Mon 07:00'],
    ['Mon 00:00 - Mon 23:59'],
    ['2028-02-29T00:00 - 2028-03-01T00:00'],
    ['2026-01-01T00:00 - 2026-04-01T00:00'],
  ])('accepts "%s"', (text) => {
    expect(FreezeWindow.parse(text)).toBe(text);
  });

  test.each([
    ['', 'must be written like'],
    ['Fri 16:00-Mon 07:00', 'must be written like'],
    ['fri 16:00 - mon 07:00', 'must be written like'],
    ['Friday 16:00 - Monday 07:00', 'must be written like'],
    ['Fri 4pm - Mon 7am', 'must be written like'],
    ['2026-12-23T12:00:00 - 2027-01-02T08:00:00', 'must be written like'],
    ['2026-12-23T12:00Z - 2027-01-02T08:00Z', 'must be written like'],
    ['Fri 16:00 - 2027-01-02T08:00', 'must be written like'],
    ['Fra 16:00 - Mon 07:00', 'does not exist'],
    ['Fri 24:00 - Mon 07:00', 'does not exist'],
    ['Fri 16:60 - Mon 07:00', 'does not exist'],
    ['2026-02-29T12:00 - 2026-03-02T08:00', 'does not exist'],
    ['2026-03-01T12:00 - 2026-03-02T24:00', 'does not exist'],
    ['Fri 16:00 - Fri 16:00', 'must not begin and end at the same time'],
    ['2026-12-23T12:00 - 2026-12-23T12:00', 'must end after it begins'],
    ['2027-01-02T08:00 - 2026-12-23T12:00', 'must end after it begins'],
    ['2026-01-01T00:00 - 2026-04-01T00:01', 'may last at most 90 days'],
  ])('refuses "%s" with the reason', (text, why) => {
    expect(FreezeWindow.safeParse(text).error?.issues[0]?.message).toContain(why);
  });

  test('requires a time zone of the IANA database', () => {
    for (const zone of ['Europe/Oslo', 'America/Argentina/Ushuaia', 'UTC', 'Etc/GMT+5'])
      expect(TimeZone.safeParse(zone).success, zone).toBe(true);
    for (const zone of ['', 'Oslo', '+01:00', 'Europe/Atlantis', '2026-01-01T00:00Z[Europe/Oslo]', 'Z'])
      expect(TimeZone.safeParse(zone).success, zone).toBe(false);
  });
});
