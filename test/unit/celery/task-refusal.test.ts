import { describe, expect, test } from 'vitest';
import type { CeleryTask } from '../../../services/celery/celery-queue.ts';
import { celeryLimits } from '../../../services/celery/limits.ts';
import { taskRefusal } from '../../../services/celery/task-refusal.ts';

const now = Date.parse('2026-11-24T09:00:00.000Z');

const task: CeleryTask = {
  id: 'acme:support-bot:v12:1',
  task: 'pointsman.compile',
  queue: 'compile',
  kwargs: { url: 'https://pointsman.example/v1/callbacks/abc' },
  expiresAt: now + 1,
  correlationId: 'acme:support-bot:v12',
};

describe('a Celery task is refused before a broker is contacted', () => {
  test('when its queue name is invalid', () => {
    for (const queue of [
      '',
      '-a',
      'A',
      'a b',
      'a:b',
      'pointsman:moves:0',
      '_kombu.binding.a',
      'a'.repeat(64),
    ]) {
      expect(taskRefusal({ ...task, queue }, now), queue).toContain('1 to 63 characters');
    }
    for (const queue of ['a', '9', 'acme.compile_fast-2', 'a'.repeat(63), 'amqp', 'unacked-too']) {
      expect(taskRefusal({ ...task, queue }, now), queue).toBeNull();
    }
  });

  test('when its queue name is reserved by the broker or by Celery', () => {
    for (const queue of ['amq.gen-abc', 'amq.rabbitmq.reply-to', 'celeryev.1', 'unacked', 'unacked_index']) {
      expect(taskRefusal({ ...task, queue }, now), queue).toContain('reserved');
    }
  });

  test('when its arguments are too large', () => {
    const room = celeryLimits.kwargsBytes - JSON.stringify({ text: '' }).length;
    expect(taskRefusal({ ...task, kwargs: { text: 'x'.repeat(room) } }, now)).toBeNull();
    expect(taskRefusal({ ...task, kwargs: { text: 'x'.repeat(room + 1) } }, now)).toContain('by URL');
    // The limit counts bytes and not characters: this letter takes two bytes.
    expect(taskRefusal({ ...task, kwargs: { text: 'ø'.repeat(room - 1) } }, now)).toContain('by URL');
  });

  test('when its deadline has passed', () => {
    expect(taskRefusal({ ...task, expiresAt: now }, now)).toContain('deadline');
    expect(taskRefusal({ ...task, expiresAt: Number.NaN }, now)).toContain('deadline');
  });

  test('when its name or its id is invalid', () => {
    expect(taskRefusal({ ...task, task: 'pointsman compile' }, now)).toContain('Celery task');
    for (const id of ['', 'a b', 'a\nb', 'ø', 'a'.repeat(celeryLimits.idChars + 1)]) {
      expect(taskRefusal({ ...task, id }, now), id).toContain('an ID has');
      expect(taskRefusal({ ...task, correlationId: id }, now), id).toContain('an ID has');
    }
  });
});
