import { describe, expect, test } from 'vitest';
import { tenantLru } from '../../../services/compiler/turns/tenant-lru.ts';
import { fairQueue } from '../../../services/compiler/turns/fair-queue.ts';

describe('in the cache with a share for each tenant,', () => {
  test('a tenant never has more bytes than its share, and loses its least recently used entries', () => {
    const lru = tenantLru<string>({ bytes: 100, bytesPerTenant: 10 });
    lru.set('t', 'a', 'A', 4);
    lru.set('t', 'b', 'B', 4);
    expect(lru.get('t', 'a')).toBe('A');
    lru.set('t', 'c', 'C', 4);
    expect([lru.get('t', 'a'), lru.get('t', 'b'), lru.get('t', 'c')]).toEqual(['A', undefined, 'C']);
    lru.set('t', 'a', 'AA', 7);
    expect([lru.get('t', 'a'), lru.get('t', 'c')]).toEqual(['AA', undefined]);
  });

  test('a value that is larger than the share of its tenant does not evict other entries', () => {
    const lru = tenantLru<string>({ bytes: 100, bytesPerTenant: 10, entriesPerTenant: 2 });
    lru.set('t', 'a', 'A', 4);
    lru.set('t', 'x', 'X', 11);
    expect([lru.get('t', 'a'), lru.get('t', 'x')]).toEqual(['A', undefined]);
  });

  test('a tenant with many entries does not evict the entries of a tenant with few', () => {
    const lru = tenantLru<number>({ bytes: 1_000, bytesPerTenant: 800 });
    for (let nth = 0; nth < 20; nth++) lru.set('honest', `h${nth}`, nth, 10);
    for (let nth = 0; nth < 500; nth++)
      for (const tenant of ['evil-1', 'evil-2']) lru.set(tenant, `e${nth}`, nth, 90);
    const kept = Array.from({ length: 20 }, (_, nth) => lru.get('honest', `h${nth}`));
    expect(kept).toEqual(Array.from({ length: 20 }, (_, nth) => nth));
    expect(lru.get('evil-1', 'e499')).toBe(499);
  });

  test('bytes and entries are limited for each tenant, and bytes also in total', () => {
    const lru = tenantLru<string>({ bytes: 100, bytesPerTenant: 50, entriesPerTenant: 2 });
    lru.set('a', '1', 'a1', 30);
    lru.set('a', '2', 'a2', 30);
    expect([lru.get('a', '1'), lru.get('a', '2')]).toEqual([undefined, 'a2']);
    lru.set('b', '1', 'b1', 1);
    lru.set('b', '2', 'b2', 1);
    lru.set('b', '3', 'b3', 1);
    expect([lru.get('b', '1'), lru.get('b', '3')]).toEqual([undefined, 'b3']);
    lru.set('c', '1', 'c1', 50);
    lru.set('d', '1', 'd1', 40);
    expect([lru.get('c', '1'), lru.get('d', '1'), lru.get('a', '2')]).toEqual([undefined, 'd1', 'a2']);
    lru.set('e', '1', 'e1', 51);
    expect(lru.get('e', '1')).toBeUndefined();
  });
});

describe('in the queue of compilations,', () => {
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

  test('one compilation of a tenant runs at a time, and tenants take turns', async () => {
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

  test('a new compilation gets the result "busy" when too many wait, in total or of its tenant, until one of them starts', async () => {
    const { run, end, started } = recorded();
    const many = ['1', '2', '3', '4', '5'].map((nth) => run('a', `a${nth}`));
    expect(await run('a', 'a6')).toBe('busy');
    const others = [run('b', 'b1'), run('b', 'b2')];
    expect(await run('b', 'b3')).toBe('busy');
    // The third tenant has no waiting job yet, so its first job may wait.
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

  test('closing the queue refuses the waiting compilations, and a compilation that throws does not stop the queue', async () => {
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
