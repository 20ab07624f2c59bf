import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { celeryMessage, kombuEnvelope } from '../../../services/celery/celery-message.ts';
import type { CeleryTask } from '../../../services/celery/celery-queue.ts';

const task: CeleryTask = {
  id: 'acme:support-bot:v12:1',
  task: 'pointsman.compile',
  queue: 'compile',
  kwargs: { source: { url: 'https://pointsman.example/v1/callbacks/s3cr3t/source' }, name: 'Øystein' },
  expiresAt: Date.parse('2026-11-24T10:00:00.000Z'),
  correlationId: 'acme:support-bot:v12',
};

describe('the Celery message of a task', () => {
  test('contains the arguments of the task in its body, by name', () => {
    expect(JSON.parse(celeryMessage(task).body.toString('utf8'))).toEqual([
      [],
      task.kwargs,
      { callbacks: null, errbacks: null, chain: null, chord: null },
    ]);
  });

  test('expires at the deadline of the task, so the task is not run after its deadline', () => {
    expect(celeryMessage(task).headers['expires']).toBe('2026-11-24T10:00:00.000+00:00');
  });

  test('does not contain its callback secret in a header, which logs and monitors would show', () => {
    const { headers, properties } = celeryMessage(task);
    expect(JSON.stringify({ headers, properties })).not.toContain('s3cr3t');
    expect(headers['kwargsrepr']).toBe('acme:support-bot:v12');
  });

  test('contains the correlation id of the release in addition to the one of Celery', () => {
    const { headers, properties } = celeryMessage(task);
    expect(headers['pointsman_correlation_id']).toBe('acme:support-bot:v12');
    expect(properties.correlationId).toBe(task.id);
  });

  test('is the same message in a Redis list, inside the envelope of kombu', () => {
    const message = celeryMessage(task);
    const envelope = Envelope.parse(JSON.parse(kombuEnvelope(message, 'compile', 'delivery-1')));
    expect(Buffer.from(envelope.body, 'base64')).toEqual(message.body);
    expect(envelope.headers).toEqual(message.headers);
    expect(envelope['content-type']).toBe('application/json');
    // The default exchange has an empty name and routes by the name of the queue, so a redelivered message returns to
    // its queue.
    expect(envelope.properties.delivery_info).toEqual({ exchange: '', routing_key: 'compile' });
    expect(envelope.properties.delivery_tag).toBe('delivery-1');
  });
});

const Envelope = z.object({
  body: z.string(),
  headers: z.record(z.string(), z.unknown()),
  'content-type': z.string(),
  properties: z.looseObject({
    body_encoding: z.literal('base64'),
    delivery_info: z.unknown(),
    delivery_tag: z.string(),
  }),
});
