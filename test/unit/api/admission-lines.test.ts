import { expect, test, vi } from 'vitest';

import { AdmissionLines } from '../../../services/api/tenants/admission-lines.ts';

const limits = { running: 2, waiting: 10, waitMs: 10_000 };

/** A call that runs until it is ended, and the order in which calls have begun. */
function calls() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const call = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
  };
  return { begun, call, end: (name: string) => ends.get(name)?.() };
}

test('at most the allowed number of calls of a tenant run at once, and the others run in the order of their arrival', async () => {
  const lines = new AdmissionLines(limits);
  const { begun, call, end } = calls();
  const results = ['a', 'b', 'c', 'd'].map((name) => lines.run('acme', call(name)));
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b']));
  end('b');
  expect(await results[1]).toBe('b');
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'c']));
  end('a');
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'c', 'd']));
  end('c');
  end('d');
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
});

test('a tenant whose calls wait does not delay another tenant', async () => {
  const lines = new AdmissionLines(limits);
  const { begun, call, end } = calls();
  const results = ['a', 'b', 'c'].map((name) => lines.run('acme', call(name)));
  results.push(lines.run('other', call('x')));
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'x']));
  for (const name of ['a', 'b', 'x']) end(name);
  await vi.waitFor(() => expect(begun).toContain('c'));
  end('c');
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'x']);
});

test('a call that fails passes its turn on', async () => {
  const lines = new AdmissionLines({ ...limits, running: 1 });
  const failed = lines.run('acme', () => Promise.reject(new Error('lost')));
  const next = lines.run('acme', () => Promise.resolve('done'));
  await expect(failed).rejects.toThrow('lost');
  expect(await next).toBe('done');
});

test('a call that gets no turn in time is refused as busy, and is never run', async () => {
  const lines = new AdmissionLines({ running: 1, waiting: 10, waitMs: 20 });
  const { begun, call, end } = calls();
  const first = lines.run('acme', call('a'));
  await expect(lines.run('acme', call('b'))).rejects.toMatchObject({ code: 'busy' });
  end('a');
  await first;
  expect(await lines.run('acme', () => Promise.resolve('c'))).toBe('c');
  expect(begun).toEqual(['a']);
});

test('a call is refused as busy at once if as many calls of its tenant wait as allowed, and is never run', async () => {
  const lines = new AdmissionLines({ ...limits, running: 1, waiting: 1 });
  const { begun, call, end } = calls();
  const results = ['a', 'b'].map((name) => lines.run('acme', call(name)));
  await expect(lines.run('acme', call('c'))).rejects.toMatchObject({ code: 'busy' });
  const other = lines.run('other', call('x'));
  for (const name of ['a', 'b', 'x']) {
    await vi.waitFor(() => expect(begun).toContain(name));
    end(name);
  }
  expect(await Promise.all([...results, other])).toEqual(['a', 'b', 'x']);
  expect(begun).not.toContain('c');
});
