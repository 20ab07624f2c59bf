import { expect, test } from 'vitest';

import { encodeEvent, releaseEvents } from '../../../services/api/release-events.ts';
import type { ReleaseView } from '../../../services/api/release-view.ts';

const stage = (name: 'validate' | 'compile' | 'swap', state: 'running' | 'passed' | 'failed') => ({
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
  stage: null,
  outcome: status === 'settled' ? 'published' : null,
  reason: null,
  source: 'sha256:' + '0'.repeat(64),
  digest: null,
  generation: null,
  message: null,
  by: 'admin',
  createdAt: '2026-01-01T00:00:00.000Z',
  settledAt: null,
  supersededBy: null,
  stages,
  effects: [],
});

const told = (view: ReleaseView) =>
  releaseEvents(view).map(({ id, event, data }) => [id, event, (data as { state?: string }).state]);

test('a stage that has ended is told twice, since it began before it ended', () => {
  expect(told(release([stage('validate', 'passed'), stage('compile', 'running')]))).toEqual([
    [1, 'stage', 'running'],
    [2, 'stage', 'passed'],
    [3, 'stage', 'running'],
  ]);
});

test('what was told once keeps its id however far the release goes', () => {
  const early = releaseEvents(release([stage('validate', 'passed')]));
  const late = releaseEvents(
    release([stage('validate', 'passed'), stage('compile', 'passed'), stage('swap', 'passed')], 'settled'),
  );
  expect(late.slice(0, early.length)).toEqual(early);
  const ids = late.map(({ id }) => id);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBe(ids.length);
});

test('the last event is the release itself, and comes only when it has settled', () => {
  const view = release([stage('validate', 'failed')], 'settled');
  expect(releaseEvents(view).at(-1)).toEqual({ id: 15, event: 'settled', data: view });
  expect(told(release([stage('validate', 'failed')])).at(-1)).toEqual([2, 'stage', 'failed']);
});

test('an event is one line of data, whatever its text holds', () => {
  expect(encodeEvent({ id: 3, event: 'stage', data: { message: 'a\nb\r\n' } })).toBe(
    'id: 3\nevent: stage\ndata: {"message":"a\\nb\\r\\n"}\n\n',
  );
});
