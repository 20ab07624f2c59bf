import { describe, expect, test } from 'vitest';

import {
  bindingCovers,
  bindingCoversTenant,
  MoveBinding,
} from '../../../packages/client/rabbitmq/move-binding.ts';

const pointer = { tenant: 'acme', bundle: 'support-bot', channel: 'live' };

describe('what a queue is bound for', () => {
  test.each(['#', '*.#', 'acme.#', 'acme.*.*', '*.*.live', 'acme.support-bot.live'])(
    '%j covers',
    (binding) => {
      expect(MoveBinding.safeParse(binding).success).toBe(true);
      expect(bindingCovers(binding, pointer)).toBe(true);
    },
  );

  test.each(['globex.#', 'acme.other.*', 'acme.support-bot.staging'])('%j does not cover', (binding) => {
    expect(MoveBinding.safeParse(binding).success).toBe(true);
    expect(bindingCovers(binding, pointer)).toBe(false);
  });

  test.each(['', 'acme', 'acme.', 'acme.*', '#.live', 'acme.#.live', 'acme.a.b.c', 'Acme.#', 'a b.#', '*'])(
    '%j is no binding',
    (binding) => expect(MoveBinding.safeParse(binding).success).toBe(false),
  );

  test('the whole tenant comes by only where neither bundle nor channel is named', () => {
    const whole = ['#', '*.#', 'acme.#', 'acme.*.*', '*.*.*'];
    const parts = ['acme.*.live', '*.*.live', 'acme.support-bot.*', 'globex.#'];
    expect(whole.filter((binding) => bindingCoversTenant(binding, 'acme'))).toEqual(whole);
    expect(parts.filter((binding) => bindingCoversTenant(binding, 'acme'))).toEqual([]);
  });
});
