import { expect, test } from 'vitest';

import type { GateChange } from '../../../packages/protocol/releases/gate.ts';
import {
  encodeEventId,
  EventIdText,
  isAfter,
  NO_EVENT,
  releaseEvents,
} from '../../../services/api/releases/release-events.ts';
import type { ReleaseView } from '../../../services/api/releases/release-view.ts';

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
  says: '',
  openedAt: '2026-01-01T00:00:00.000Z',
  opensAt: null,
  deadlineAt: '2026-01-02T00:00:00.000Z',
  decidedAt: null,
  baseGeneration: 0,
  needed: 1,
  verdicts: [],
});

const changes = (...what: GateChange['change'][]): GateChange[] =>
  what.map((change, index) => ({
    n: index + 1,
    gate: 'release',
    kind: 'approval',
    change,
    by: change === 'said' ? 'alice' : null,
    word: change === 'said' ? 'approve' : null,
    comment: null,
    url: null,
    at: '2026-01-01T00:00:00.000Z',
  }));

/** Each event's id as it is sent, its name, and what it says has happened. */
const told = (view: ReleaseView, gateChanges: GateChange[] = []) =>
  releaseEvents(view, gateChanges).map((one) => {
    const { state, change } = one.data as { state?: string; change?: string };
    return [encodeEventId(one.id), one.event, change ?? state];
  });

test('a stage that has ended is told twice, since it began before it ended', () => {
  expect(told(release([stage('validate', 'passed'), stage('compile', 'running')]))).toEqual([
    ['1', 'stage', 'running'],
    ['2', 'stage', 'passed'],
    ['3', 'stage', 'running'],
  ]);
});

test('what was told once keeps its id however far the release goes, and comes before what is told later', () => {
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
    releaseEvents(waiting, changes('opened', 'said', 'passed')),
    releaseEvents(live, changes('opened', 'said', 'passed')),
  ];
  const last = looks.at(-1) ?? [];
  for (const look of looks) expect(last.slice(0, look.length)).toEqual(look);
  for (const [index, { id }] of last.entries()) {
    if (index > 0) expect(isAfter(id, last[index - 1]?.id ?? NO_EVENT)).toBe(true);
  }
});

test('the last event is the release itself, and comes only when it has settled', () => {
  const view = release([stage('validate', 'failed')], 'settled');
  expect(releaseEvents(view, []).at(-1)).toEqual({
    id: { major: 15, minor: 0 },
    event: 'settled',
    data: view,
  });
  expect(told(release([stage('validate', 'failed')])).at(-1)).toEqual(['2', 'stage', 'failed']);
});

test('what happens at the gates is told between the beginning and the end of their stage, more than nine times too', () => {
  const many = Array.from({ length: 11 }, () => 'said' as const);
  const view = { ...release([stage('gate', 'failed')]), gates: [gate('open')] };
  expect(told(view, changes(...many)).map(([id]) => id)).toEqual(
    '7 7.1 7.2 7.3 7.4 7.5 7.6 7.7 7.8 7.9 7.10 7.11 8'.split(' '),
  );
});

test('gates that have passed are not told to be over while they may open again', () => {
  const passed = [stage('gate', 'passed')];
  const reopened = changes('opened', 'passed', 'voided');
  const gates = [gate('passed')];
  expect(told({ ...release(passed), gates }, reopened.slice(0, 2)).at(-1)).toEqual(['7.2', 'gate', 'passed']);
  const again = { ...release([stage('gate', 'running')]), gates: [gate('open')] };
  expect(told(again, reopened).at(-1)).toEqual(['7.3', 'gate', 'voided']);
  const swapped = { ...release([...passed, stage('swap', 'passed')]), gates };
  expect(told(swapped, reopened).slice(-3)).toEqual([
    ['8', 'stage', 'passed'],
    ['9', 'stage', 'running'],
    ['10', 'stage', 'passed'],
  ]);
  expect(told(release(passed)).at(-1), 'a release without gates').toEqual(['8', 'stage', 'passed']);
});

test.each(['0', '7', '7.0', '7.12', '15', '999999999.999999999'])('%s is read as it was written', (text) => {
  const { major, minor } = EventIdText.parse(text);
  expect([`${major}`, `${major}.${minor}`]).toContain(text);
});

test.each(['', '-1', '7.', '.7', '7.1.2', 'x', '1e3', '1234567890', ' 7'])(
  '%j is no id of an event',
  (text) => {
    expect(EventIdText.safeParse(text).success).toBe(false);
  },
);
