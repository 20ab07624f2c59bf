import { InvalidArgumentError } from 'commander';

import { QuotaName } from '@pointsman/protocol/quota';

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/**
 * Parses an argument such as `bytes=20GiB`, `hooks=10` or `tokens=default`, and adds it to the changes of the
 * earlier arguments. `default` becomes null. Throws an InvalidArgumentError, which commander prints.
 */
export function quotaChange(
  text: string,
  before: ReadonlyMap<QuotaName, number | null> = new Map(),
): Map<QuotaName, number | null> {
  const [, name, amount] = /^([A-Za-z]+)=(.+)$/.exec(text) ?? [];
  const quota = QuotaName.safeParse(name);
  if (!quota.success || amount === undefined) {
    throw new InvalidArgumentError(
      `It must be a quota and its limit, such as hooks=10 or bytes=20GiB. The quotas are ${QuotaName.options.join(', ')}.`,
    );
  }
  return new Map(before).set(quota.data, amount === 'default' ? null : limitOf(amount));
}

function limitOf(amount: string): number {
  const [, digits, unit] = /^([0-9]{1,16})(KiB|MiB|GiB|TiB)?$/.exec(amount) ?? [];
  const limit = Number(digits) * (unit === undefined ? 1 : UNITS[unit as keyof typeof UNITS]);
  if (Number.isSafeInteger(limit)) return limit;
  throw new InvalidArgumentError(
    'A limit must be a whole number, optionally with KiB, MiB, GiB or TiB, or "default".',
  );
}

/** Formats an amount in a readable unit of the quota, for example `20 GiB`. */
export function shownAmount(quota: string, amount: number): string {
  if (quota !== 'bytes') return String(amount);
  const [unit, size] = Object.entries(UNITS).findLast(([, bytes]) => amount >= bytes) ?? ['bytes', 1];
  const shown = amount / size;
  return `${Number.isInteger(shown) ? shown : shown.toFixed(1)} ${unit}`;
}
