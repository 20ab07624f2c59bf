import { describe, expect, test } from 'vitest';

import { TokenName } from '../../../packages/protocol/access.ts';
import {
  GateName,
  BundleName,
  ChannelName,
  FollowerName,
  HookName,
  SinkName,
  TenantName,
} from '../../../packages/protocol/identifiers.ts';
import { Policy } from '../../../core/policy.ts';
import { isBroker, sinkKey } from '../../../packages/protocol/sinks/sink.ts';
import {
  occupySlot,
  BundleState,
  inFlight,
  NEW_BUNDLE,
  decidePlacement,
  vacateSlot,
  slotOf,
  withSlot,
} from '../../../core/releases/slot.ts';
import { INHERITED_NAMES } from '../../support/data/inherited-names.ts';

const source = `sha256:${'0'.repeat(64)}`;
const empty = { inFlight: null, queue: [], generation: 0 };
const valid = (schema: { safeParse(name: string): { success: boolean } }) =>
  INHERITED_NAMES.filter((name) => schema.safeParse(name).success);

test('some property names that every object inherits are valid names for tenants, channels and other objects', () => {
  for (const schema of [TenantName, BundleName, ChannelName, HookName, SinkName, FollowerName, GateName])
    expect(valid(schema)).toEqual(expect.arrayContaining(['constructor', 'prototype', 'then']));
  expect(valid(TokenName)).toEqual(expect.arrayContaining(['constructor', 'hasOwnProperty', 'toString']));
});

describe.each(valid(ChannelName))('a channel named "%s"', (channel) => {
  test('has an empty slot while its bundle does not have that channel', () => {
    expect(slotOf(NEW_BUNDLE, channel)).toEqual(empty);
    expect(slotOf(withSlot(NEW_BUNDLE, 'live', { ...empty, generation: 4 }), channel)).toEqual(empty);
    expect(decidePlacement(slotOf(NEW_BUNDLE, channel), 'queue')).toEqual({
      placement: 'start',
      supersedes: [],
    });
  });

  test('can have a release in flight, queue another one behind it, and end the first one, like any other channel', () => {
    let state = occupySlot(NEW_BUNDLE, channel, { version: 1, source }, 'start');
    expect(inFlight(slotOf(state, channel), 1)).not.toBeNull();
    state = occupySlot(state, channel, { version: 2, source }, 'queue');
    expect(decidePlacement(slotOf(state, channel), 'supersede').supersedes).toEqual([1, 2]);
    state = withSlot(state, channel, vacateSlot(slotOf(state, channel), 1));
    expect(slotOf(state, channel)).toEqual({ ...empty, queue: [{ version: 2, source }] });
    expect([...state.channels.keys()]).toEqual([channel]);
  });

  test('is stored with its bundle and read back unchanged', () => {
    const state = occupySlot(NEW_BUNDLE, channel, { version: 1, source }, 'start');
    const stored = JSON.parse(JSON.stringify(BundleState.encode(state))) as unknown;
    expect(stored).toEqual({
      lastVersion: 1,
      channels: { [channel]: { ...empty, inFlight: { version: 1 } } },
    });
    expect(BundleState.parse(stored)).toEqual(state);
  });

  test('has only the policy that was set for it', () => {
    expect(Object.hasOwn(Policy.parse({ channels: { live: {} } }).channels, channel)).toBe(false);
    const own = Policy.parse({ channels: { [channel]: { onConflict: 'queue' } } });
    expect(Object.entries(own.channels)).toEqual([[channel, { onConflict: 'queue', gates: [] }]]);
  });
});

test.each(valid(SinkName))('a sink named "%s" is a webhook of a tenant and not a broker', (sink) => {
  expect(isBroker(sink)).toBe(false);
  expect(sinkKey({ tenant: 'acme', sink })).toBe(`acme/${sink}`);
});
