import { parse, TomlDate, TomlError } from 'smol-toml';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';
import { pointerStep } from './json-pointer.ts';
import { type Integers, type ParsedText, type Problem, tooDeepMessage } from './parsed-document.ts';
import { integerMessage } from './scan-json.ts';
import { locatePlace, type Place } from './places.ts';
import { scanToml } from './toml-places.ts';

/**
 * Parses TOML 1.0. Dates and times become strings in RFC 3339 format, because JSON has no type for them. The library
 * does not report the positions of values. If a position is needed, toml-places.ts scans the text again.
 */
export function parseToml(text: string, integers: Integers = 'exact'): ParsedText {
  let root: Place | null = null;
  const locate = (pointer: string, key = false): number =>
    locatePlace((root ??= scanToml(text)), pointer, key);
  try {
    const table = parse(text, { integersAsBigInt: 'asNeeded', maxDepth: documentLimits.depth });
    const problems: Problem[] = [];
    return { value: toJson({ text, problems, integers, locate }, table, '', 0), problems, locate };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { value: null, problems: [problemOf(error, text)], locate };
  }
}

function problemOf(error: TomlError, text: string): Problem {
  const [firstLine = ''] = error.message.split('\n');
  const message = firstLine.replace('Invalid TOML document: ', '');
  // Counts lines in the same way as the library. It ends a line at LF and CR LF, but not at a single CR.
  let offset = 0;
  for (let line = 1; line < error.line; line++) offset = text.indexOf('\n', offset) + 1;
  return { pointer: '', code: codeOf(message), message, offset: offset + error.column - 1 };
}

/**
 * Returns the error code for a message of the library, which has a single error type. Excessive nesting and duplicate
 * keys have separate codes, as in JSON and YAML.
 */
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

function toJson(reading: Reading, value: unknown, pointer: string, depth: number): Json {
  const { problems } = reading;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return refuse(problems, pointer, 'number_not_finite', `JSON cannot represent the number ${value}`);
  }
  if (typeof value === 'bigint' && reading.integers === 'nearest') return Number(value);
  if (typeof value === 'bigint')
    return refuse(problems, pointer, 'integer_out_of_range', integerMessage(String(value)));
  if (value instanceof TomlDate) return dateText(reading, value, pointer);
  if (typeof value !== 'object' || value === null) return value as Json;
  if (depth >= documentLimits.depth) {
    return refuse(problems, pointer, 'too_deep', tooDeepMessage);
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => toJson(reading, item, pointer + pointerStep(index), depth + 1));
  }
  const object: { [key: string]: Json } = {};
  for (const [key, member] of Object.entries(value)) {
    const inner = pointer + pointerStep(key);
    if (key === '__proto__') {
      const message = 'the key "__proto__" is not allowed';
      refuse(problems, inner, 'forbidden_key', message, reading.locate(inner, true));
    } else object[key] = toJson(reading, member, inner, depth + 1);
  }
  return object;
}

/** Reports a problem. If the offset is null, the reported position is that of the value. */
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

/** The number of characters that are read to parse a date. No date and time in TOML is longer. */
const DATE_CHARS = 80;

/**
 * Converts a date to RFC 3339 format. The library turns February 30 into a day in March, and drops all but three
 * digits of a fractional second. Such dates are reported as errors, because the value would change.
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
      `${year}-${month}-${day} is not a valid date: the month has fewer days`,
    );
  }
  const [, digits = ''] = /^[\d:Tt -]*\.(\d+)/.exec(spelling) ?? [];
  if (/^\d{3}\d*[1-9]/.test(digits)) {
    const message =
      'this time has more than three digits after the second, which would be lost; write it as a string';
    return refuse(problems, pointer, 'time_out_of_range', message);
  }
  return date.toISOString();
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
