import { spawn } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { compileLimits } from '../../../../core/limits/compile-limits.ts';
import type { CompilePool } from '../../../../services/compiler/process/compile-pool.ts';
import {
  runSession,
  type SessionOptions,
  type SessionResult,
} from '../../../../services/compiler/process/compile-session.ts';
import { memorySource } from '../compile-here.ts';

const options: SessionOptions = { ...compileLimits, evictAs: () => null };
const source = memorySource({ 'a.yaml': 'x: 1' });

/**
 * Runs a session with a process that executes the given script instead of compiling, as if a hostile source had taken
 * it over. The script's function `send` sends a message with the given parts and the task ID.
 */
async function sessionWith(
  script: string,
  more: Partial<SessionOptions> = {},
  readBlobs = source.readBlobs,
): Promise<{ result: SessionResult; wasKilled: boolean }> {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `process.on('message', ({ taskId, task }) => {
        const send = (...parts) => process.send({ taskId, parts });
        ${script}
      });`,
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' },
  );
  const pool: CompilePool = {
    take: () => ({ child, stderrText: () => '' }),
    started: () => undefined,
    giveBack: () => undefined,
    close: () => undefined,
  };
  try {
    const result = await runSession(pool, source.tree, readBlobs, async () => new Map(), {
      ...options,
      ...more,
    });
    return { result, wasKilled: child.killed };
  } finally {
    child.kill('SIGKILL');
  }
}

const whole = `
  const made = { digests: ['a'], mediaTypes: ['t'], sizes: [1] };
  const outcome = { kind: 'outcome', outcome: { kind: 'compiled', warnings: [], cacheEntries: [], made } };
  send({ kind: 'started' });`;

describe('in a session with a compile process,', () => {
  test('a compile process that sends one complete result can be reused', async () => {
    const { result, wasKilled } = await sessionWith(
      `${whole} send(outcome); send({ kind: 'piece', bytes: new Uint8Array(1) }); send({ kind: 'end', isSpent: false });`,
    );
    expect(result).toMatchObject({ kind: 'compiled' });
    expect(wasKilled).toBe(false);
  });

  test.each([
    ['an empty message', `process.send(null);`],
    ['a message without parts', `process.send({ taskId });`],
    ['no result', `${whole} send({ kind: 'end', isSpent: false });`],
    ['a message of an unknown kind', `${whole} send({ kind: 'other' });`],
    ['a message without a kind', `${whole} send({});`],
    ['the same digest twice', `${whole} made.digests.push('a'); made.sizes.push(1); send(outcome);`],
    [
      'the same digest twice, in lists of equal length',
      `${whole} for (const list of Object.values(made)) list.push(list[0]); send(outcome);`,
    ],
    ['two outcomes', `${whole} send(outcome); send(outcome);`],
    [
      'an endless number of artifacts',
      `${whole} setInterval(() => {
        for (let nth = 0; nth < 50; nth++)
          send({ kind: 'artifact', artifact: { channel: Math.random() + '', digest: 'd', list: { files: [], blobDigests: [] } } });
      }, 1);`,
    ],
    // If the session accepted repeated start messages, each of them would restart the time limit of the process.
    ['the start message repeatedly', `setInterval(() => send({ kind: 'started' }), 20);`],
    [
      'too many warnings',
      `${whole} const one = { path: 'a', line: 1, column: 1, pointer: '', code: 'c', message: 'm' };
      outcome.outcome.warnings = Array.from({ length: 100_000 }, () => one); send(outcome);`,
    ],
    [
      'a warning with a long message',
      `${whole} outcome.outcome.warnings = [
        { path: 'a', line: 1, column: 1, pointer: '', code: 'c', message: 'm'.repeat(100_000) },
        { path: 'b', line: 1, column: 1, pointer: '', code: 'c', message: 'm' },
      ]; send(outcome);`,
    ],
    ['an invalid question', `${whole} send({ kind: 'question', questionId: 1, keys: 1, digests: 2 });`],
  ])('a compile process that sends %s is killed, and its session fails', async (_what, script) => {
    expect(await sessionWith(script)).toMatchObject({ result: { kind: 'failed' }, wasKilled: true });
  });

  test('a compile process that sends anything after its result is killed, and the result counts', async () => {
    const script = `${whole}
      const piece = { kind: 'piece', bytes: new Uint8Array(1) };
      send(outcome, piece, { kind: 'end', isSpent: false }, piece);`;
    expect(await sessionWith(script)).toMatchObject({ result: { kind: 'compiled' }, wasKilled: true });
  });

  test('a compile process that requests files too many times during a read is killed', async () => {
    const digest = source.tree.entries[0]?.digest ?? '';
    const asking = sessionWith(
      `${whole} for (let nth = 0; nth <= 100_000; nth++)
        send({ kind: 'question', questionId: nth, keys: [null], digests: ['${digest}'] });`,
      { timeoutMs: 60_000, readingMs: 60_000 },
      () => new Promise(() => undefined),
    );
    expect(await asking).toMatchObject({
      result: { kind: 'failed', defect: { message: 'the compile process has too many open questions' } },
      wasKilled: true,
    });
  });

  test('a compile process that requests contents of another source is killed, and those contents are not read', async () => {
    const read: string[] = [];
    const asking = sessionWith(
      `${whole} send({ kind: 'question', questionId: 1, keys: [null], digests: ['sha256:other'] });`,
      {},
      async (digests) => {
        read.push(...digests);
        return await source.readBlobs(digests);
      },
    );
    expect(await asking).toMatchObject({ result: { kind: 'failed' }, wasKilled: true });
    expect(read).toEqual([]);
  });
});

test('a compilation whose reads of files take too long throws, so the failure does not count against its source', async () => {
  const digest = source.tree.entries[0]?.digest ?? '';
  const reading = sessionWith(
    `${whole} send({ kind: 'question', questionId: 1, keys: [null], digests: ['${digest}'] });`,
    { readingMs: 50, timeoutMs: 60_000 },
    () => new Promise(() => undefined),
  );
  await expect(reading).rejects.toMatchObject({
    code: 'unavailable',
    cause: { message: 'reading the files for a compilation took more than 50 ms' },
  });
});
