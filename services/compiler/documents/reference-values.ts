import { canonicalJson, type Json } from '@pointsman/protocol/json/canonical-json';
import { pointerStep, pointerSteps } from '../parse/json-pointer.ts';

/**
 * A value that a reference pattern selects in a document: its JSON Pointer, and its canonical JSON. The JSON is null
 * for a map or a list.
 */
export type ReferenceValue = readonly [pointer: string, text: string | null];

/**
 * Returns the values that a pointer pattern selects. A step `*` matches every item of a list and every value of a
 * map.
 */
export function valuesAt(value: Json, pattern: string): ReferenceValue[] {
  const found: ReferenceValue[] = [];
  const steps = pointerSteps(pattern) ?? [];
  const walk = (inside: Json, depth: number, pointer: string): void => {
    const step = steps[depth];
    if (step === undefined) {
      const isContainer = typeof inside === 'object' && inside !== null;
      found.push([pointer, isContainer ? null : canonicalJson(inside)]);
    } else if (typeof inside === 'object' && inside !== null) {
      for (const [key, child] of childrenOf(inside, step)) walk(child, depth + 1, pointer + pointerStep(key));
    }
  };
  walk(value, 0, '');
  return found;
}

function childrenOf(value: object, step: string): [string, Json][] {
  if (step === '*') return Object.entries(value) as [string, Json][];
  const isItem = !Array.isArray(value) || /^(?:0|[1-9][0-9]*)$/.test(step);
  return isItem && Object.hasOwn(value, step)
    ? [[step, (value as { [key: string]: Json })[step] as Json]]
    : [];
}
