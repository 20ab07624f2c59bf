import { expect, test } from 'vitest';

import { Metrics } from '../../../services/api/metrics/metrics.ts';
import { addQueueGauges } from '../../../services/api/metrics/queue-gauges.ts';
import type { DepthResult } from '../../../services/rabbitmq/queue-depths.ts';
import { parsePrometheusText } from '../../support/runs/prometheus-text.ts';

const scrape = async (metrics: Metrics) => parsePrometheusText(await metrics.text());

test('requests are counted by route and status, and their durations are counted in cumulative buckets', async () => {
  const metrics = new Metrics();
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 200, seconds: 0.004 });
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 200, seconds: 0.2 });
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 404, seconds: 100 });
  const families = await scrape(metrics);
  const name = 'pointsman_http_requests_total';
  const labels = { method: 'GET', route: '/x/{a}' };
  expect(families.get(name)).toEqual({
    help: 'Requests with a response.',
    type: 'counter',
    samples: [
      { name, labels: { ...labels, status: '200' }, value: 2 },
      { name, labels: { ...labels, status: '404' }, value: 1 },
    ],
  });
  const histogram = families.get('pointsman_http_request_duration_seconds');
  const at = (suffix: string, le?: string) =>
    histogram?.samples.find((one) => one.name.endsWith(suffix) && one.labels['le'] === le);
  expect(histogram?.type).toBe('histogram');
  expect(['0.005', '0.01', '0.25', '60', '+Inf'].map((le) => at('_bucket', le)?.value)).toEqual([
    1, 1, 2, 2, 3,
  ]);
  expect(at('_bucket', '0.25')?.labels).toEqual({ route: '/x/{a}', le: '0.25' });
  expect(at('_count')).toEqual({
    name: 'pointsman_http_request_duration_seconds_count',
    labels: { route: '/x/{a}' },
    value: 3,
  });
  expect(at('_sum')?.value).toBeCloseTo(100.204, 9);
  expect(histogram?.samples.filter((one) => one.name.endsWith('_bucket'))).toHaveLength(14);
});

test('a gauge is read at each scrape, and has no sample while its value is unknown', async () => {
  const metrics = new Metrics();
  let waiting: number | null = 1;
  metrics.gauge('waiting', 'Who waits.', () => Promise.resolve(waiting));
  const samples = async () => (await scrape(metrics)).get('waiting')?.samples;
  expect(await samples()).toEqual([{ name: 'waiting', labels: {}, value: 1 }]);
  waiting = null;
  expect(await samples()).toEqual([]);
  waiting = 3;
  expect(await samples()).toEqual([{ name: 'waiting', labels: {}, value: 3 }]);
});

test('a gauge with a label has one sample for each value of the label at each scrape, whatever characters the value contains', async () => {
  const metrics = new Metrics();
  let lengths: { label: string; value: number }[] = [];
  metrics.gaugeBy('of', 'lengths', 'How "long",\nand \\ how.', async () => lengths);
  metrics.gauge('up', 'Whether.', () => 0);
  expect((await scrape(metrics)).get('lengths')?.samples).toEqual([]);
  const label = 'a "b" \\ c\nup 7\n{d="e"} \\n';
  lengths = [
    { label, value: 4 },
    { label: '__proto__', value: 5 },
    { label: '', value: 0.5 },
  ];
  const families = await scrape(metrics);
  expect(families.get('lengths')?.samples).toEqual(
    lengths.map((one) => ({ name: 'lengths', labels: { of: one.label }, value: one.value })),
  );
  expect(families.get('up')?.samples).toEqual([{ name: 'up', labels: {}, value: 0 }]);
  lengths = [{ label: 'other', value: 1 }];
  expect((await scrape(metrics)).get('lengths')?.samples).toEqual([
    { name: 'lengths', labels: { of: 'other' }, value: 1 },
  ]);
});

test('one response from the broker serves all gauges of its queues, and a deleted queue has no sample', async () => {
  const metrics = new Metrics();
  let answer: DepthResult = { up: true, queues: [{ queue: 'fleet', messages: 7, consumers: 1 }] };
  addQueueGauges(metrics, { read: async () => answer, close: async () => undefined });
  const values = async () =>
    [...(await scrape(metrics)).values()]
      .flatMap((family) => family.samples)
      .filter((sample) => sample.name.startsWith('pointsman_queue_'));
  expect(await values()).toEqual([
    { name: 'pointsman_queue_up', labels: {}, value: 1 },
    { name: 'pointsman_queue_messages', labels: { queue: 'fleet' }, value: 7 },
    { name: 'pointsman_queue_consumers', labels: { queue: 'fleet' }, value: 1 },
  ]);
  answer = { up: false, queues: [] };
  expect(await values()).toEqual([{ name: 'pointsman_queue_up', labels: {}, value: 0 }]);
});

test('two apps in one process do not share metrics', async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.observe({ method: 'GET', route: '/x', status: 200, seconds: 1 });
  expect((await scrape(other)).get('pointsman_http_requests_total')?.samples).toEqual([]);
});

test('the media type of the metrics includes the version of the text format', () => {
  expect(new Metrics().contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
});
