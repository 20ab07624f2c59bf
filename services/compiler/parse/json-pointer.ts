import type { Json } from '@pointsman/protocol/json/canonical-json';
import { documentLimits } from '@pointsman/protocol/limits';

/**
 * Returns one escaped step of a JSON Pointer (RFC 6901). A step is cut at `documentLimits.textChars`, because a key
 * may have megabytes, and every pointer below it would repeat it.
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
 * Returns the pointer of the steps. If it has more than `chars` characters, returns the pointer of the nearest parent
 * that fits. Without this limit, a hundred pointers below one key of 5 MB would take 500 MB.
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

/** Returns the unescaped steps of a pointer, or null if the pointer is invalid. */
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

/** Returns an own member of an object or an item of an array, or undefined if it does not exist. */
export function childOf(value: Json, step: string): Json | undefined {
  if (isList(value)) return /^(?:0|[1-9][0-9]*)$/.test(step) ? value[Number(step)] : undefined;
  return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}
