import { describe, expect, test } from 'vitest';
import { exhaustedSources } from '../../../services/compiler/exhausted-sources.ts';
import { fairQueue } from '../../../services/compiler/fair-queue.ts';

describe('the memory of sources that exhausted a bound', () => {
  const result = { kind: 'exhausted', limit: 'time', message: 'too long' } as const;

  test('holds its tenant to the places of long ones for a time, from the last time on, however often it is asked', () => {
    let ms = 5;
    const sources = exhaustedSources({ exhaustedMs: 100, exhaustedKept: 10 }, () => ms);
    sources.add('a', 'one', result);
    ms += 90;
    expect([sources.recall('a', 'one'), sources.hasAny('a'), sources.hasAny('b')]).toEqual([
      result,
      true,
      false,
    ]);
    expect([sources.recall('b', 'one'), sources.recall('a', 'two')]).toEqual([undefined, undefined]);
    ms += 11;
    expect([sources.recall('a', 'one'), sources.hasAny('a')]).toEqual([undefined, false]);
    sources.add('a', 'one', result);
    ms += 90;
    sources.add('a', 'one', result);
    ms += 90;
    expect(sources.recall('a', 'one')).toBe(result);
  });

  test('is bounded', () => {
    const sources = exhaustedSources({ exhaustedMs: 100, exhaustedKept: 2 });
    for (const tenant of ['a', 'b', 'c']) sources.add(tenant, 'one', result);
    expect(['a', 'b', 'c'].map((tenant) => sources.hasAny(tenant))).toEqual([false, true, true]);
  });
});

describe('the queue of compilations', () => {
  const limits = { threads: 2, perTenant: 1, queued: 5, queuedPerTenant: 4 };

  function recorded(queue = fairQueue(limits)) {
    const started: string[] = [];
    const ends = new Map<string, () => void>();
    const run = (tenant: string, name: string): Promise<string> =>
      queue.run(tenant, () => {
        started.push(name);
        const { promise, resolve } = Promise.withResolvers<string>();
        ends.set(name, () => resolve(name));
        return promise;
      });
    const end = async (name: string): Promise<void> => {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { queue, started, run, end };
  }

  test('runs one compilation of a tenant at a time and lets tenants take turns', async () => {
    const { started, run, end } = recorded();
    const all = [
      run('a', 'a1'),
      run('a', 'a2'),
      run('a', 'a3'),
      run('b', 'b1'),
      run('c', 'c1'),
      run('b', 'b2'),
    ];
    await end('');
    expect(started).toEqual(['a1', 'b1']);
    await end('a1');
    expect(started).toEqual(['a1', 'b1', 'c1']);
    await end('b1');
    expect(started).toEqual(['a1', 'b1', 'c1', 'a2']);
    await end('c1');
    await end('a2');
    expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
    await end('b2');
    await end('a3');
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'b2']);
  });

  test('says "busy" when too many wait, of all or of one tenant, and takes more once there is room', async () => {
    const { run, end, started } = recorded();
    const many = ['1', '2', '3', '4', '5'].map((nth) => run('a', `a${nth}`));
    expect(await run('a', 'a6')).toBe('busy');
    const others = [run('b', 'b1'), run('b', 'b2')];
    expect(await run('b', 'b3')).toBe('busy');
    // Of this tenant nothing waits.
    const late = run('c', 'c1');
    expect(await run('c', 'c2')).toBe('busy');
    await end('a1');
    for (let nth = 0; nth < started.length; nth++) await end(started[nth] ?? '');
    expect(await Promise.all([...many, ...others, late])).toEqual([
      'a1',
      'a2',
      'a3',
      'a4',
      'a5',
      'b1',
      'b2',
      'c1',
    ]);
    expect(started).toHaveLength(8);
  });

  test('goes on after a job that throws, and refuses what waits when it is closed', async () => {
    const queue = fairQueue({ ...limits, threads: 1 });
    await expect(queue.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = queue.run('a', () => promise);
    const second = queue.run('b', () => Promise.resolve('never'));
    queue.close();
    await expect(second).rejects.toThrow('closed');
    await expect(queue.run('c', () => Promise.resolve('never'))).rejects.toThrow('closed');
    resolve('done');
    expect(await first).toBe('done');
  });
});
