import type { Json } from '@pointsman/protocol/json/canonical-json';
import { isObject, pointerStep } from '../parse/json-pointer.ts';
import { patternProblem } from './linear-pattern.ts';

/**
 * Returns every regular expression of a schema that is invalid or can't be matched in linear time. The validation
 * against the meta-schema does not find these patterns, because it does not check the format `regex`.
 */
export function badPatterns(schema: Json): { pointer: string; message: string }[] {
  const bad: { pointer: string; message: string }[] = [];
  const check = (pattern: string, pointer: string): void => {
    const message = patternProblem(pattern);
    if (message !== null) bad.push({ pointer, message });
  };
  const walk = (value: Json, pointer: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isObject(value)) {
      if (typeof value['pattern'] === 'string') check(value['pattern'], `${pointer}/pattern`);
      const named = value['patternProperties'];
      const keys = isObject(named) ? Object.keys(named) : [];
      for (const key of keys) check(key, `${pointer}/patternProperties${pointerStep(key)}`);
    }
    for (const [key, member] of Object.entries(value)) walk(member, pointer + pointerStep(key));
  };
  walk(schema, '');
  return bad;
}
