import { _, type KeywordCxt, type KeywordDefinition, type SchemaValidateFunction } from 'ajv';
import type { DataValidateFunction, RegExpEngine } from 'ajv/dist/types/index.js';

import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { patternLimits, validationLimits } from '../limits.ts';
import { linearPattern } from './linear-pattern.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import type { SchemaReader } from './schema-reader.ts';
import { WorkTooLong, type WorkMeter } from './work-meter.ts';

/** Steps of the matcher that count as one of the meter. */
const MATCHING_STEPS = 10_000;

/** Patterns of schemas are matched in linear time, and the meter gets to see each try. */
export function patternEngine(meter: WorkMeter): RegExpEngine {
  let sizes = 0;
  const compile = (pattern: string) => {
    const { size, test } = linearPattern(pattern);
    sizes += size;
    if (sizes > patternLimits.sizes)
      throw new UnsupportedPattern('the patterns of the schema are too large together');
    meter.tick(1 + size / MATCHING_STEPS);
    return {
      test: (text: string): boolean => {
        const steps = size * text.length;
        // One match cannot be interrupted. So a text that is too long for a pattern of this size is not tried at all.
        if (steps > patternLimits.steps)
          throw new WorkTooLong(`${text.length} characters are too many for a pattern of size ${size}`);
        meter.tick(1 + steps / MATCHING_STEPS);
        return test(text);
      },
      // The compiler of schemas tells patterns apart by this.
      toString: () => pattern,
    };
  };
  return Object.assign(compile, { code: 'linearPattern' });
}

/** Has the reader bound what it does: each schema object that it compiles, and each that a validator tries, is a step of the meter. */
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
 * A rule that applies wherever any other rule applies, before it: that is what `implements` means to the compiler of schemas. It stands in
 * its list of rules alone, not among the keywords that a schema may use.
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

/** Of one item of a list, which takes less than a microsecond besides its text. */
const ITEM_STEPS = 0.01;
/** Characters of canonical JSON that count as one step of the meter. */
const CHARS_A_STEP = 10_000;

/** In the time of writing the value once. The library's own compares it with every value of the list, member by member. */
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

/** In time proportional to the list. The library's own compares every item with every other one. */
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
