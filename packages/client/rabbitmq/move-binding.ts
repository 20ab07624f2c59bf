import { z } from 'zod';

import { BundleName, ChannelName, type PointerId, TenantName } from '@pointsman/protocol/identifiers';

/**
 * A binding of a queue: `#` for all moves, `acme.#` for the moves of one tenant, or three words for tenant,
 * bundle and channel. Each of these words is a name or `*`.
 */
export const MoveBinding = z.string().refine(isBinding, {
  error: 'must be "#", "acme.#", or "tenant.bundle.channel" with "*" for any',
});

function isBinding(text: string): boolean {
  const [tenant = '', bundle = '', channel, ...more] = text.split('.');
  if (text === '#' || (bundle === '#' && channel === undefined))
    return text === '#' || matches(TenantName, tenant);
  return (
    matches(TenantName, tenant) &&
    matches(BundleName, bundle) &&
    matches(ChannelName, channel ?? '') &&
    more.length === 0
  );
}

function matches(name: z.ZodType<string>, word: string): boolean {
  return word === '*' || name.safeParse(word).success;
}

/** Returns whether the broker routes the moves of the pointer by this binding. */
export function bindingCovers(binding: string, { tenant, bundle, channel }: PointerId): boolean {
  const words = wordsOf(binding);
  return [tenant, bundle, channel].every((name, nth) => words[nth] === '*' || words[nth] === name);
}

/**
 * Returns whether the binding matches every move of the tenant. Only then does a gap in the tenant's sequence
 * numbers show that a move was missed.
 */
export function bindingCoversTenant(binding: string, tenant: string): boolean {
  const [first, ...others] = wordsOf(binding);
  return (first === '*' || first === tenant) && others.every((word) => word === '*');
}

function wordsOf(binding: string): readonly string[] {
  if (binding === '#') return ['*', '*', '*'];
  const [tenant = '', bundle = '', channel = ''] = binding.split('.');
  return bundle === '#' ? [tenant, '*', '*'] : [tenant, bundle, channel];
}
