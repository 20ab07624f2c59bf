import { expect, test } from 'vitest';

import type { GateChange } from '../../../packages/protocol/releases/gate.ts';
import {
  encodeEventId,
  EventIdText,
  isAfter,
  NO_EVENT,
  releaseEvents,
} from '../../../services/api/releases/release-events.ts';
import type { ReleaseView } from '@pointsman/protocol/releases/release-view';

const stage = (name: 'validate' | 'compile' | 'gate' | 'swap', state: 'running' | 'passed' | 'failed') => ({
  stage: name,
  state,
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: state === 'running' ? null : '2026-01-01T00:00:01.000Z',
  diagnostics: [],
});

const release = (stages: ReleaseView['stages'], status: ReleaseView['status'] = 'running'): ReleaseView => ({
  tenant: 'acme',
  bundle: 'bot',
  version: 1,
  channel: 'live',
  correlationId: 'acme:bot:v1',
  status,
  waitingFor: [],
  stage: null,
  outcome: status === 'settled' ? 'published' : null,
  verification: status === 'settled' ? 'skipped' : null,
  reason: null,
  source: 'sha256:' + '0'.repeat(64),
  digest: null,
  generation: null,
  sameAs: null,
  message: null,
  notBefore: null,
  policyVersion: 0,
  by: 'admin',
  origin: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  settledAt: null,
  supersededBy: null,
  stages,
  effects: [],
  gates: [],
});

const gate = (state: 'open' | 'passed'): ReleaseView['gates'][number] => ({
  gate: 'release',
  kind: 'approval',
  state,
  statusText: '',
  openedAt: '2026-01-01T00:00:00.000Z',
  opensAt: null,
  deadlineAt: '2026-01-02T00:00:00.000Z',
  decidedAt: null,
  baseGeneration: 0,
  needed: 1,
  decisions: [],
});

const changes = (...what: GateChange['change'][]): GateChange[] =>
  what.map((change, index) => ({
    n: index + 1,
    gate: 'release',
    kind: 'approval',
    change,
    by: change === 'decided' ? 'alice' : null,
    decision: change === 'decided' ? 'approve' : null,
    comment: null,
    url: null,
    at: '2026-01-01T00:00:00.000Z',
  }));

/** Returns for each event: its id as it is sent, its name, and its state or change. */
const sentEvents = (view: ReleaseView, gateChanges: GateChange[] = []) =>
  releaseEvents(view, gateChanges).map((one) => {
    const { state, change } = one.data as { state?: string; change?: string };
    return [encodeEventId(one.id), one.event, change ?? state];
  });

test('a release stage that has ended has two events, one for its start and one for its end', () => {
  expect(sentEvents(release([stage('validate', 'passed'), stage('compile', 'running')]))).toEqual([
    ['1', 'stage', 'running'],
    ['2', 'stage', 'passed'],
    ['3', 'stage', 'running'],
  ]);
});

test('an event of a release keeps its id while the release continues, and comes before all later events', () => {
  const waiting = {
    ...release([stage('validate', 'passed'), stage('gate', 'running')]),
    gates: [gate('open')],
  };
  const live = {
    ...release([stage('validate', 'passed'), stage('gate', 'passed'), stage('swap', 'passed')], 'settled'),
    gates: [gate('passed')],
  };
  const looks = [
    releaseEvents(release([stage('validate', 'passed')]), []),
    releaseEvents(waiting, changes('opened')),
    releaseEvents(waiting, changes('opened', 'decided', 'passed')),
    releaseEvents(live, changes('opened', 'decided', 'passed')),
  ];
  const last = looks.at(-1) ?? [];
  for (const look of looks) expect(last.slice(0, look.length)).toEqual(look);
  for (const [index, { id }] of last.entries()) {
    if (index > 0) expect(isAfter(id, last[index - 1]?.id ?? NO_EVENT)).toBe(true);
  }
});

test('the last event of a release is the settled release itself, and comes only once it has settled', () => {
  const view = release([stage('validate', 'failed')], 'settled');
  expect(releaseEvents(view, []).at(-1)).toEqual({
    id: { major: 15, minor: 0 },
    event: 'settled',
    data: view,
  });
  expect(sentEvents(release([stage('validate', 'failed')])).at(-1)).toEqual(['2', 'stage', 'failed']);
});

test('the events of gate changes come between the start and the end of the gate stage, even if there are more than nine', () => {
  const many = Array.from({ length: 11 }, () => 'decided' as const);
  const view = { ...release([stage('gate', 'failed')]), gates: [gate('open')] };
  expect(sentEvents(view, changes(...many)).map(([id]) => id)).toEqual(
    '7 7.1 7.2 7.3 7.4 7.5 7.6 7.7 7.8 7.9 7.10 7.11 8'.split(' '),
  );
});

test('the gate stage of a release has no end event while its gates can open again', () => {
  const passed = [stage('gate', 'passed')];
  const reopened = changes('opened', 'passed', 'voided');
  const gates = [gate('passed')];
  expect(sentEvents({ ...release(passed), gates }, reopened.slice(0, 2)).at(-1)).toEqual([
    '7.2',
    'gate',
    'passed',
  ]);
  const again = { ...release([stage('gate', 'running')]), gates: [gate('open')] };
  expect(sentEvents(again, reopened).at(-1)).toEqual(['7.3', 'gate', 'voided']);
  const swapped = { ...release([...passed, stage('swap', 'passed')]), gates };
  expect(sentEvents(swapped, reopened).slice(-3)).toEqual([
    ['8', 'stage', 'passed'],
    ['9', 'stage', 'running'],
    ['10', 'stage', 'passed'],
  ]);
  expect(sentEvents(release(passed)).at(-1), 'a release without gates').toEqual(['8', 'stage', 'passed']);
});

test.each(['0', '7', '7.0', '7.12', '15', '999999999.999999999'])(
  'the numbers of the event id %s are read as they were written',
  (text) => {
    const { major, minor } = EventIdText.parse(text);
    expect([`${major}`, `${major}.${minor}`]).toContain(text);
  },
);

test.each(['', '-1', '7.', '.7', '7.1.2', 'x', '1e3', '1234567890', ' 7'])(
  '%j is not a valid event id',
  (text) => {
    expect(EventIdText.safeParse(text).success).toBe(false);
  },
);
