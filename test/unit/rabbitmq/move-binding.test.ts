import { describe, expect, test } from 'vitest';

import {
  bindingCovers,
  bindingCoversTenant,
  MoveBinding,
} from '../../../packages/client/rabbitmq/move-binding.ts';

const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };

describe('the queue binding', () => {
  test.each(['#', '*.#', 'acme.#', 'acme.*.*', '*.*.live', 'acme.support-bot.live'])(
    '%j covers the pointer "acme.support-bot.live"',
    (binding) => {
      expect(MoveBinding.safeParse(binding).success).toBe(true);
      expect(bindingCovers(binding, pointer)).toBe(true);
    },
  );

  test.each(['globex.#', 'acme.other.*', 'acme.support-bot.staging'])(
    '%j does not cover the pointer "acme.support-bot.live"',
    (binding) => {
      expect(MoveBinding.safeParse(binding).success).toBe(true);
      expect(bindingCovers(binding, pointer)).toBe(false);
    },
  );

  test.each(['', 'acme', 'acme.', 'acme.*', '#.live', 'acme.#.live', 'acme.a.b.c', 'Acme.#', 'a b.#', '*'])(
    '%j is invalid',
    (binding) => expect(MoveBinding.safeParse(binding).success).toBe(false),
  );

  test('covers a whole tenant only when it names neither a bundle nor a channel', () => {
    const whole = ['#', '*.#', 'acme.#', 'acme.*.*', '*.*.*'];
    const parts = ['acme.*.live', '*.*.live', 'acme.support-bot.*', 'globex.#'];
    expect(whole.filter((binding) => bindingCoversTenant(binding, 'acme'))).toEqual(whole);
    expect(parts.filter((binding) => bindingCoversTenant(binding, 'acme'))).toEqual([]);
  });
});
