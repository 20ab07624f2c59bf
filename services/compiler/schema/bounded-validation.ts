import { _, type KeywordCxt, type KeywordDefinition, type SchemaValidateFunction } from 'ajv';
import type { DataValidateFunction, RegExpEngine } from 'ajv/dist/types/index.js';

import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { patternLimits, validationLimits } from '../limits.ts';
import { linearPattern } from './linear-pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import type { SchemaReader } from './schema-reader.ts';
import { WorkTooLong, type WorkMeter } from './work-meter.ts';

/** The number of steps of the pattern matcher that count as one step of the work meter (work-meter.ts). */
const MATCHING_STEPS = 10_000;

/**
 * Returns the regular expression engine that Ajv uses for patterns in schemas. It matches in linear time, and counts
 * the steps of each match on the work meter, which limits the CPU time.
 */
export function patternEngine(meter: WorkMeter): RegExpEngine {
  let sizes = 0;
  const compile = (pattern: string) => {
    const { size, test } = linearPattern(pattern);
    sizes += size;
    if (sizes > patternLimits.sizes)
      throw new UnsupportedPattern('together the patterns of the schema are too large');
    meter.tick(1 + size / MATCHING_STEPS);
    return {
      test: (text: string): boolean => {
        const steps = size * text.length;
        // A match can't be interrupted. A text that is too long for a pattern of this size is therefore refused
        // before the match.
        if (steps > patternLimits.steps)
          throw new WorkTooLong(`${text.length} characters are too many for a pattern of size ${size}`);
        meter.tick(1 + steps / MATCHING_STEPS);
        return test(text);
      },
      // Ajv uses this string as the cache key of the pattern.
      toString: () => pattern,
    };
  };
  return Object.assign(compile, { code: 'linearPattern' });
}

/**
 * Limits the CPU time of an Ajv instance. Each schema object that Ajv compiles or evaluates counts as a step of the
 * work meter. Keywords and formats that take more than linear time are replaced.
 */
export function boundReader(reader: SchemaReader, meter: WorkMeter): void {
  reader.removeKeyword('uniqueItems');
  reader.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: uniqueItemsWith(meter),
  });
  const { url } = reader.formats;
  if (url instanceof RegExp)
    reader.addFormat('url', (text: string) => text.length <= validationLimits.urlChars && url.test(text));
  reader.removeKeyword('enum');
  reader.addKeyword({ keyword: 'enum', schemaType: 'array', compile: enumWith(meter) });
  countSteps(reader, meter);
}

const STEP = 'pointsman step';

/**
 * Adds an internal rule that counts one step on the work meter. Because its `implements` lists all keywords, Ajv
 * evaluates it before every other rule. The rule is only in Ajv's list of rules and not in its list of keywords. A
 * schema therefore can't use it as a keyword.
 */
function countSteps({ RULES }: SchemaReader, meter: WorkMeter): void {
  const { tick } = meter;
  const definition = {
    keyword: STEP,
    type: [],
    schemaType: [],
    allowUndefined: true,
    implements: Object.keys(RULES.all),
    code: ({ gen }: KeywordCxt): void => {
      tick();
      gen.code(_`${gen.scopeValue('func', { ref: tick })}()`);
    },
  } satisfies KeywordDefinition;
  RULES.rules[0]?.rules.unshift({ keyword: STEP, definition });
}

/**
 * When `uniqueItems` is checked, one item of the list counts as this many steps of the work meter, in addition to the
 * steps for its text.
 */
const ITEM_STEPS = 0.01;
/** The number of characters of canonical JSON that count as one step of the work meter (work-meter.ts). */
const CHARS_A_STEP = 10_000;

/**
 * Implements `enum` in time proportional to the size of the value. Ajv's own implementation compares the value deeply
 * with every allowed value.
 */
function enumWith(meter: WorkMeter) {
  return (values: readonly Json[]): DataValidateFunction => {
    const allowed = new Set(values.map((value) => canonicalJson(value)));
    const validate: DataValidateFunction = (value: Json): boolean => {
      const text = canonicalJson(value);
      meter.tick(text.length / CHARS_A_STEP);
      if (allowed.has(text)) return true;
      const message = 'must be equal to one of the allowed values';
      validate.errors = [{ keyword: 'enum', message, params: { allowedValues: values } }];
      return false;
    };
    return validate;
  };
}

/**
 * Implements `uniqueItems` in time proportional to the size of the list. Ajv's own implementation compares each pair
 * of items.
 */
function uniqueItemsWith(meter: WorkMeter): SchemaValidateFunction {
  const uniqueItems: SchemaValidateFunction = (wanted: boolean, list: readonly Json[]): boolean => {
    if (!wanted) return true;
    const seen = new Map<string, number>();
    let duplicate: readonly [number, number] | null = null;
    for (const [index, item] of list.entries()) {
      const text = canonicalJson(item);
      meter.tick(ITEM_STEPS + text.length / CHARS_A_STEP);
      const before = seen.get(text);
      if (before !== undefined) duplicate = [before, index];
      seen.set(text, index);
    }
    if (!duplicate) return true;
    const [j, i] = duplicate;
    const message = `must NOT have duplicate items (items ## ${j} and ${i} are identical)`;
    uniqueItems.errors = [{ keyword: 'uniqueItems', message, params: { i, j } }];
    return false;
  };
  return uniqueItems;
}
