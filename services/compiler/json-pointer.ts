import type { Json } from '../../core/canonical-json.ts';

/** One step of an RFC 6901 pointer, escaped. */
export function pointerStep(key: string | number): string {
  if (typeof key === 'number') return `/${key}`;
  return `/${key.includes('~') || key.includes('/') ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key}`;
}

export function pointerTo(steps: readonly (string | number)[]): string {
  return steps.map(pointerStep).join('');
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
