import type { App } from '../../services/api/app.ts';
import { code, markdownTable } from './markdown.ts';

/** Generates docs/reference/metrics.md: every metric that the API returns on `/metrics`. */
export async function metricsPage({ fetch }: Pick<App, 'fetch'>): Promise<string> {
  // Sends a request first, because a counter has no TYPE line before it has counted a request.
  await fetch(new Request('http://docs.example/healthz'));
  const text = await (await fetch(new Request('http://docs.example/metrics'))).text();
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const helps = [...text.matchAll(/^# HELP (\S+) (.+)$/gm)];
  const rows = helps.map(([, name = '', help = '']) => [
    code(name),
    types.get(name) ?? '',
    labelsOf(text, name).map(code).join(', '),
    help,
  ]);
  return [
    '# Metrics',
    'The API serves them at `/metrics`, without a token, in the text format of Prometheus. Labels are routes as they are defined, and queues that the operator named; a tenant never is one. A gauge whose source does not answer is left out.',
    'The three metrics of queues are there when `AMQP_URL` is set.',
    markdownTable(['metric', 'type', 'labels', 'meaning'], rows),
  ].join('\n\n');
}

function labelsOf(text: string, name: string): string[] {
  const sample = text
    .split('\n')
    .find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name}_bucket{`));
  return [...(sample ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label);
}
