import type { ErrorObject } from 'ajv';
import { quotedName } from '@pointsman/protocol/releases/diagnostic';
import { documentLimits } from '@pointsman/protocol/limits';
import { pointerStep } from '../parse/json-pointer.ts';

export interface Violation {
  readonly pointer: string;
  /** Whether the key at the pointer is the error, instead of its value. */
  readonly key: boolean;
  readonly code: string;
  readonly message: string;
}

/**
 * Converts Ajv's errors to violations. Returns at most `documentLimits.diagnostics` of them, because a list with a
 * million invalid items usually has one cause.
 */
export function violationsOf(errors: readonly ErrorObject[]): Violation[] {
  return errors.slice(0, documentLimits.diagnostics).map(violationOf);
}

function violationOf(error: ErrorObject): Violation {
  const code = `schema_${error.keyword.replace(/^\$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  const extra = extraProperty(error);
  const pointer = extra === null ? error.instancePath : error.instancePath + pointerStep(extra);
  return { pointer, key: extra !== null, code, message: messageOf(error, extra) };
}

function extraProperty({ keyword, params }: ErrorObject): string | null {
  const named = params as {
    additionalProperty?: string;
    unevaluatedProperty?: string;
    propertyName?: string;
  };
  if (keyword === 'additionalProperties') return named.additionalProperty ?? null;
  if (keyword === 'unevaluatedProperties') return named.unevaluatedProperty ?? null;
  return keyword === 'propertyNames' ? (named.propertyName ?? null) : null;
}

function messageOf(
  { keyword, params, message = 'does not satisfy the schema' }: ErrorObject,
  extra: string | null,
): string {
  if (extra !== null && keyword !== 'propertyNames')
    return `the property ${quotedName(extra)} is not allowed here`;
  if (keyword === 'enum')
    return `must be one of ${listed((params as { allowedValues: unknown[] }).allowedValues)}`;
  if (keyword === 'const') return `must be ${listed([(params as { allowedValue: unknown }).allowedValue])}`;
  return message;
}

function listed(values: readonly unknown[]): string {
  const text = values
    .slice(0, 20)
    .map((value) => JSON.stringify(value))
    .join(', ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text + (values.length > 20 ? ', …' : '');
}
