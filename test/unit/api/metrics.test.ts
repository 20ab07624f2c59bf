import { expect, test } from 'vitest';

import { Metrics } from '../../../services/api/metrics.ts';

test('requests are counted by route and status, and their times fall into cumulative buckets', async () => {
  const metrics = new Metrics();
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 200, seconds: 0.004 });
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 200, seconds: 0.2 });
  metrics.observe({ method: 'GET', route: '/x/{a}', status: 404, seconds: 100 });
  const lines = (await metrics.text()).split('\n');
  expect(lines).toContain('pointsman_http_requests_total{method="GET",route="/x/{a}",status="200"} 2');
  expect(lines).toContain('pointsman_http_requests_total{method="GET",route="/x/{a}",status="404"} 1');
  expect(lines).toContain('pointsman_http_request_duration_seconds_bucket{route="/x/{a}",le="0.005"} 1');
  expect(lines).toContain('pointsman_http_request_duration_seconds_bucket{route="/x/{a}",le="0.25"} 2');
  expect(lines).toContain('pointsman_http_request_duration_seconds_bucket{route="/x/{a}",le="60"} 2');
  expect(lines).toContain('pointsman_http_request_duration_seconds_bucket{route="/x/{a}",le="+Inf"} 3');
  expect(lines).toContain('pointsman_http_request_duration_seconds_count{route="/x/{a}"} 3');
});

test('a gauge is read when somebody asks', async () => {
  const metrics = new Metrics();
  let waiting = 1;
  metrics.gauge('waiting', 'Who waits.', () => waiting);
  metrics.gauge('unknown', 'What nobody can say now.', () => Promise.resolve(null));
  waiting = 3;
  expect(await metrics.text()).toContain('# TYPE waiting gauge\nwaiting 3\n');
  expect(await metrics.text()).not.toContain('unknown');
});

test('a source is asked when somebody asks, and may have a number for each set of labels, or none', async () => {
  const metrics = new Metrics();
  let lengths: number[] = [];
  metrics.source(async () => [
    {
      name: 'lengths',
      help: 'How long.',
      samples: lengths.map((value) => ({ labels: { of: 'a "b" \\ c' }, value })),
    },
    { name: 'up', help: 'Whether.', samples: [{ labels: {}, value: 0 }] },
  ]);
  expect(await metrics.text()).toContain('# TYPE lengths gauge\n# HELP up Whether.\n# TYPE up gauge\nup 0\n');
  lengths = [4];
  expect(await metrics.text()).toContain('lengths{of="a \\"b\\" \\\\ c"} 4\n');
});
