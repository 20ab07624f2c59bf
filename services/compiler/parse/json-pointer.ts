import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';

/**
 * One step of an RFC 6901 pointer, escaped. Of one that is longer than a pointer that is reported (`boundedPointer`) only so much that the
 * pointer is as well: every pointer into a document would otherwise repeat a key of megabytes.
 */
export function pointerStep(step: string | number): string {
  if (typeof step === 'number') return `/${step}`;
  const key = step.length > documentLimits.textChars ? step.slice(0, documentLimits.textChars) : step;
  return `/${key.includes('~') || key.includes('/') ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key}`;
}

export function pointerTo(steps: readonly (string | number)[]): string {
  return steps.map(pointerStep).join('');
}

/**
 * The longest pointer to those steps, or to what their place is in, that has at most so many characters. Steps may be as long as the document,
 * and a pointer is made of all that lead to a place: a hundred places behind one key of five megabytes would be half a gigabyte.
 */
export function pointerWithin(chars: number, steps: readonly (string | number)[]): string {
  let pointer = '';
  for (const step of steps) {
    if (typeof step === 'string' && pointer.length + step.length >= chars) break;
    const next = pointer + pointerStep(step);
    if (next.length > chars) break;
    pointer = next;
  }
  return pointer;
}

/** The unescaped steps of a pointer; null when it is not one. */
export function pointerSteps(pointer: string): string[] | null {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return null;
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function isObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

/** An own member of an object or an item of an array; undefined when there is none. */
export function childOf(value: Json, step: string): Json | undefined {
  if (isList(value)) return /^(?:0|[1-9][0-9]*)$/.test(step) ? value[Number(step)] : undefined;
  return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}
