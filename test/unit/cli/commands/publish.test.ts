import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../../packages/protocol/digest.ts';
import { Outcome } from '../../../../packages/protocol/releases/release.ts';
import { EXIT_CODES, exitOfOutcome } from '../../../../packages/cli/exit-codes.ts';
import { publishing, RELEASE, RELEASES } from '../publishing.ts';
import {
  accepted,
  dryRun,
  DIGEST,
  events,
  json,
  problem,
  release,
  settled,
  type Respond,
} from '../scripted-api.ts';

const bench = publishing();

const stagesDone = [
  {
    stage: 'validate',
    state: 'passed',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:00:00.012Z',
    diagnostics: [],
  },
  {
    stage: 'compile',
    state: 'passed',
    startedAt: '2026-01-01T00:00:00.012Z',
    finishedAt: '2026-01-01T00:00:01.512Z',
    diagnostics: [],
  },
];

describe('the outcome of "pointsman publish"', () => {
  test.each(Outcome.options)(
    '"%s" has its own exit code, and the command waits for the outcome by default',
    async (outcome) => {
      const result = await bench.publish({ [RELEASE]: json(settled(outcome, { reason: 'because' })) });
      expect(result.exit).toBe(EXIT_CODES[exitOfOutcome(outcome)].code);
      expect(result.stdout).toContain(outcome);
    },
  );

  test('is not awaited with --no-wait, and the command exits with 10', async () => {
    const result = await bench.publish({}, ['--no-wait']);
    expect(result.exit).toBe(10);
    expect(bench.seen).toHaveLength(1);
  });

  test('is unknown when --timeout has passed: the command exits with 10 and reports that the release continues', async () => {
    const result = await bench.publish({ [RELEASE]: json(release()) }, ['--timeout', '1s']);
    expect(result.exit).toBe(10);
    expect(result.stderr).toContain('still in flight');
  });

  test('is unknown after an interrupt: the command exits with 130 and prints how to cancel the release', async () => {
    const interrupt = new AbortController();
    const looked: Respond = (seen, response) => {
      json(release())(seen, response);
      interrupt.abort(new Error('Ctrl-C'));
    };
    const result = await bench.publish({ [RELEASE]: looked }, [], { signal: interrupt.signal });
    expect(result.exit).toBe(130);
    expect(result.stderr).toContain('pointsman cancel 1 --tenant acme --bundle bot');
  });

  test('is found by polling when there is no event stream', async () => {
    const result = await bench.publish({
      [RELEASE]: [json(release()), json(settled('published', { generation: 1 }))],
    });
    expect(result.exit).toBe(0);
  });

  test('is found from the stream events alone, even when an event is repeated or unknown', async () => {
    const stage = (id: number, data: unknown) => `id: ${id}\nevent: stage\ndata: ${JSON.stringify(data)}\n\n`;
    const { startedAt } = stagesDone[0] ?? {};
    const done = settled('published', { generation: 1, stages: stagesDone });
    const result = await bench.publish({
      [RELEASE]: json(release({ status: 'queued', stage: null })),
      [`${RELEASE}/events`]: events(
        stage(1, { stage: 'validate', state: 'running', startedAt }) +
          stage(2, stagesDone[0]) +
          stage(1, { stage: 'validate', state: 'running', startedAt }) +
          'event: of-tomorrow\ndata: {}\n\n' +
          `event: settled\ndata: ${JSON.stringify(done)}\n\n`,
      ),
    });
    expect(result.exit).toBe(0);
    expect(result.stdout.match(/validate/g)).toHaveLength(1);
    // The command reads the release once at the start, and once because of the unknown event.
    expect(bench.seen.filter(({ path }) => RELEASE.endsWith(path))).toHaveLength(2);
  });

  test('is found although the event stream is cut repeatedly', async () => {
    const result = await bench.publish({
      [RELEASE]: [
        json(release()),
        json(release({ stage: 'swap' })),
        json(settled('published', { generation: 1 })),
      ],
      [`${RELEASE}/events`]: [events('id: 1\ndata: {}\n\n'), events('id: 2\ndata: {}\n\n')],
    });
    expect(result.exit).toBe(0);
  });
});

describe('the output of "pointsman publish"', () => {
  test('in a pipe has one line for each finished stage and one for the outcome, without control codes', async () => {
    const done = settled('published', { generation: 4, digest: DIGEST, stages: stagesDone });
    const { stdout } = await bench.publish({ [RELEASE]: json(done) });
    expect(stdout.split('\n')).toEqual([
      'publishing acme/bot to live: 1 file, 19 B',
      '  ✓ validate after 12 ms',
      '  ✓ compile  after 1.5 s',
      'published  acme:bot:v1 is live at generation 4',
      '',
    ]);
  });

  test('on a terminal shows the running stage, and replaces that line when the stage ends', async () => {
    const running = release({ stages: [stagesDone[0]] });
    const done = settled('published', { generation: 4, stages: stagesDone });
    const { stdout } = await bench.publish({ [RELEASE]: [json(running), json(done)] }, [], { isTTY: true });
    expect(stdout).toContain('… compile');
    expect(stdout.match(/validate/g)).toHaveLength(1);
    expect(stdout.lastIndexOf('\r')).toBeLessThan(stdout.lastIndexOf('compile'));
  });

  test('with --json has the settled release on standard output and the progress on standard error', async () => {
    const done = settled('published', { generation: 4, stages: stagesDone, ofTomorrow: true });
    const { stdout, stderr } = await bench.publish({ [RELEASE]: json(done) }, ['--json']);
    expect(JSON.parse(stdout)).toEqual(done);
    expect(stderr).toContain('✓ compile');
  });

  test('shows each diagnostic with the line of the local file and a caret, whether it comes from the API or from the release', async () => {
    const diagnostics = [
      {
        path: 'agents/bot.yaml',
        line: 2,
        column: 8,
        pointer: '/model',
        code: 'type',
        message: 'must be string',
      },
    ];
    const invalid = await bench.publish({
      [RELEASES]: problem(422, 'invalid_source', 'no', { diagnostics }),
    });
    expect(invalid.exit).toBe(3);
    expect(invalid.stderr).toContain('1 problem.');
    expect(invalid.stderr).toContain(
      `${join(bench.folder, 'agents/bot.yaml')}:2:8: error[type]: must be string`,
    );
    expect(invalid.stderr).toMatch(/model: 7\n.*\| {8}\^/);
    const failed = {
      stage: 'validate',
      state: 'failed',
      startedAt: '2026-01-01T00:00:00Z',
      finishedAt: '2026-01-01T00:00:01Z',
    };
    const rejected = await bench.publish({
      [RELEASE]: json(settled('rejected', { stages: [{ ...failed, diagnostics }] })),
    });
    expect(rejected.exit).toBe(3);
    expect(rejected.stderr).toContain('agents/bot.yaml:2:8: error[type]: must be string');
  });

  test('has no control characters that the server sent', async () => {
    const { stdout } = await bench.publish({
      [RELEASE]: json(settled('rejected', { reason: 'no\u001b[2J\nforged' })),
    });
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('forged');
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('"pointsman publish --dry-run"', () => {
  test('exits with 0 for a source that compiles, and reports that nothing was published', async () => {
    const result = await bench.publish({ [RELEASES]: json(dryRun()) }, ['--dry-run']);
    expect(result.exit).toBe(0);
    expect(result.stdout).toContain('nothing was published');
    expect(bench.seen[0]?.query.get('dryRun')).toBe('true');
  });

  test('exits with 3 for a source that does not compile', async () => {
    const diagnostics = [{ path: 'a', line: 1, column: 1, pointer: '', code: 'x', message: 'wrong' }];
    const answer = json(dryRun({ valid: false, digest: null, diagnostics }));
    const result = await bench.publish({ [RELEASES]: answer }, ['--dry-run']);
    expect(result.exit).toBe(3);
    expect(result.stderr).toContain('a:1:1: error[x]: wrong');
  });
});

describe('warnings about a source', () => {
  const warning = (path: string) => ({
    path,
    line: 1,
    column: 1,
    pointer: '',
    code: 'not_selected',
    message: 'nothing selects\u001b[2J this file',
  });

  test('are printed by a publish with their codes, and do not change its outcome or its exit code', async () => {
    const warnings = [warning('agents/forgotten.yaml')];
    const result = await bench.publish({
      [RELEASES]: json(accepted({ warnings }), 202),
      [RELEASE]: json(settled('published')),
    });
    expect(result.exit).toBe(0);
    expect(result.stderr).toBe(
      `${bench.folder}/agents/forgotten.yaml:1:1: warning[not_selected]: nothing selects\\u001b[2J this file\n`,
    );
  });

  test('are printed by a dry run up to a limit, with the number of the remaining ones', async () => {
    const warnings = Array.from({ length: 23 }, (_, nth) => warning(`file-${nth}`));
    const answer = json(dryRun({ warnings }));
    const result = await bench.publish({ [RELEASES]: answer }, ['--dry-run']);
    expect(result.exit).toBe(0);
    expect(result.stderr).toContain('file-19:1:1: warning');
    expect(result.stderr).not.toContain('file-20');
    expect(result.stderr).toContain('and 3 more warnings');
  });
});

test('a publish prints the names of ignored files when they are few, and their number when they are many', async () => {
  await writeFile(join(bench.folder, '.env'), 'SECRET=1');
  const few = await bench.publish({ [RELEASE]: json(settled('published')) });
  expect(few.stdout).toContain('1 file, ');
  expect(few.stderr).toContain('ignored: .env (');
  for (let nth = 0; nth < 20; nth++) await writeFile(join(bench.folder, `.secret-${nth}`), 'x');
  const many = await bench.publish({ [RELEASE]: json(settled('published')) });
  expect(many.stderr).toMatch(/ignored: \.env, .* and 13 more \("--list" lists what is sent/);
});

describe('the files that "pointsman publish" sends', () => {
  const MISSING = 'POST /v1/tenants/acme/missing-blobs';
  const sent = () =>
    bench.seen.map(({ method, path, headers }) => `${method} ${path} ${headers['content-type'] ?? ''}`);
  const once = () => new Set(bench.seen.flatMap(({ headers }) => headers['idempotency-key'] ?? []));

  test('are the whole archive of a small source, without a question before it', async () => {
    await bench.publish({}, ['--no-wait']);
    expect(sent()).toEqual([`${RELEASES} application/gzip`]);
  });

  test('are the whole archive if the server has deleted a content meanwhile, under the same idempotency key', async () => {
    await writeFile(join(bench.folder, 'large.bin'), randomBytes(200_000));
    const gone = problem(422, 'missing_content', 'deleted');
    const script = { [MISSING]: json({ missing: [] }), [RELEASES]: [gone, json(accepted(), 202)] };
    const { exit } = await bench.publish(script, ['--no-wait', '--message', 'hi']);
    expect(exit).toBe(10);
    expect(sent()).toEqual([
      `${MISSING} application/json`,
      `${RELEASES} application/json`,
      `${RELEASES} application/gzip`,
    ]);
    expect(once().size).toBe(1);
    expect(JSON.parse(String(bench.seen[1]?.body))).toMatchObject({ channel: 'live', message: 'hi' });
    expect(bench.seen[2]?.query.get('message')).toBe('hi');
  });

  const large = randomBytes(200_000);
  test.each([
    ['does not know the question', problem(404, 'not_found', 'no such path')],
    ['lacks most of the files', json({ missing: [digestOf(large)] })],
  ])('are the whole archive if the server %s', async (_why, answer) => {
    await writeFile(join(bench.folder, 'large.bin'), large);
    await bench.publish({ [MISSING]: answer }, ['--no-wait']);
    expect(sent()).toEqual([`${MISSING} application/json`, `${RELEASES} application/gzip`]);
  });
});
