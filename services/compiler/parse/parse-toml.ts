import { parse, TomlDate, TomlError } from 'smol-toml';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';
import { pointerStep } from './json-pointer.ts';
import type { Integers, ParsedText, Problem } from './parsed-document.ts';
import { integerMessage } from './scan-json.ts';
import { locatePlace, type Place } from './places.ts';
import { scanToml } from './toml-places.ts';

/**
 * Parses TOML 1.0. Dates and times become strings in their RFC 3339 spelling, since JSON has none. The library reports no
 * places of values, so that the places of problems found after parsing come from a second reading (see toml-places.ts).
 */
export function parseToml(text: string, integers: Integers = 'exact'): ParsedText {
  let root: Place | null = null;
  const locate = (pointer: string, key = false): number =>
    locatePlace((root ??= scanToml(text)), pointer, key);
  try {
    const table = parse(text, { integersAsBigInt: 'asNeeded', maxDepth: documentLimits.depth });
    const problems: Problem[] = [];
    return { value: plain({ text, problems, integers, locate }, table, '', 0), problems, locate };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { value: null, problems: [problemOf(error, text)], locate };
  }
}

function problemOf(error: TomlError, text: string): Problem {
  const [firstLine = ''] = error.message.split('\n');
  const message = firstLine.replace('Invalid TOML document: ', '');
  // The library counts lines as /\r?\n/ does, and so does this way back to the offset.
  let offset = 0;
  for (let line = 1; line < error.line; line++) offset = text.indexOf('\n', offset) + 1;
  return { pointer: '', code: codeOf(message), message, offset: offset + error.column - 1 };
}

/** The library has one error for everything; these two have a code of their own in the other formats too. */
function codeOf(message: string): string {
  if (message.includes('excessively nested')) return 'too_deep';
  return message.startsWith('trying to redefine') ? 'duplicate_key' : 'toml_syntax';
}

interface Reading {
  readonly text: string;
  readonly problems: Problem[];
  readonly integers: Integers;
  readonly locate: ParsedText['locate'];
}

function plain(reading: Reading, value: unknown, pointer: string, depth: number): Json {
  const { problems } = reading;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return refuse(problems, pointer, 'number_not_finite', `${value} is not a number that JSON can say`);
  }
  if (typeof value === 'bigint' && reading.integers === 'nearest') return Number(value);
  if (typeof value === 'bigint')
    return refuse(problems, pointer, 'integer_out_of_range', integerMessage(String(value)));
  if (value instanceof TomlDate) return dateText(reading, value, pointer);
  if (typeof value !== 'object' || value === null) return value as Json;
  if (depth >= documentLimits.depth) {
    return refuse(problems, pointer, 'too_deep', `maps and lists may be nested ${documentLimits.depth} deep`);
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => plain(reading, item, pointer + pointerStep(index), depth + 1));
  }
  const object: { [key: string]: Json } = {};
  for (const [key, member] of Object.entries(value)) {
    const inner = pointer + pointerStep(key);
    if (key === '__proto__') {
      const message = 'the key "__proto__" is not allowed';
      refuse(problems, inner, 'forbidden_key', message, reading.locate(inner, true));
    } else object[key] = plain(reading, member, inner, depth + 1);
  }
  return object;
}

/** Without an offset the place is the value's. */
function refuse(
  problems: Problem[],
  pointer: string,
  code: string,
  message: string,
  offset: number | null = null,
): null {
  if (problems.length < documentLimits.diagnostics) problems.push({ pointer, code, message, offset });
  return null;
}

/** More than any date and time of TOML has. */
const DATE_CHARS = 80;

/**
 * A date in its RFC 3339 spelling. The library takes a day that the month does not have for one of the next month, and drops digits of a second
 * past the third; both would publish another value than the document has.
 */
function dateText({ text, problems, locate }: Reading, date: TomlDate, pointer: string): Json {
  const start = locate(pointer);
  const spelling = text.slice(start, start + DATE_CHARS);
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})/.exec(spelling) ?? [];
  if (year !== undefined && Number(day) > daysIn(Number(year), Number(month))) {
    return refuse(
      problems,
      pointer,
      'toml_syntax',
      `${year}-${month}-${day} is not a date: the month has fewer days`,
    );
  }
  const [, digits = ''] = /^[\d:Tt -]*\.(\d+)/.exec(spelling) ?? [];
  if (/^\d{3}\d*[1-9]/.test(digits)) {
    const message =
      'a time keeps three digits of a second, and the others would be lost; write it as a string';
    return refuse(problems, pointer, 'time_out_of_range', message);
  }
  return date.toISOString();
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
