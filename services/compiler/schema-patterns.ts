import type { Json } from '../../core/canonical-json.ts';
import { isObject, pointerStep } from './json-pointer.ts';

/** Every regular expression of a schema that is none. The meta-schemas are compiled without formats, so that they do not tell. */
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

function patternProblem(pattern: string): string | null {
  try {
    RegExp(pattern, 'u');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'not a regular expression';
  }
}
