import { afterEach, describe, expect, test } from 'vitest';

import { runCli, type RunCliOptions } from '../../../support/runs/run-cli.ts';
import {
  DIGEST,
  gate,
  json,
  pointer,
  problem,
  release,
  type Respond,
  scriptedApi,
  type ScriptedApi,
  settled,
  manifest,
} from '../scripted-api.ts';

const BUNDLE = '/v1/tenants/acme/bundles/bot';
const APPROVE = `POST ${BUNDLE}/releases/3/approvals`;
const READ = `GET ${BUNDLE}/releases/3`;
const LIVE = `sha256:${'b'.repeat(64)}`;

let api: ScriptedApi | null = null;

afterEach(async () => {
  await api?.close();
  api = null;
});

/** v3 waits for an approval and would replace v2. Two of its files differ, one is new and one is gone. */
const WAITING: Readonly<Record<string, Respond>> = {
  [READ]: json(
    release({ version: 3, stage: 'gate', digest: DIGEST, by: 'ci', message: 'Kinder', gates: [gate()] }),
  ),
  [`GET ${BUNDLE}/channels/live`]: json(pointer({ digest: LIVE, generation: 7 })),
  [`GET /v1/tenants/acme/artifacts/${LIVE}`]: manifest([
    ['a', '1'],
    ['b', '2'],
    ['gone', '3'],
    ['same', '4'],
  ]),
  [`GET /v1/tenants/acme/artifacts/${DIGEST}`]: manifest([
    ['a', '5'],
    ['b', '6'],
    ['new', '7'],
    ['same', '4'],
  ]),
  [APPROVE]: json({ gate: 'release', state: 'passed', decisions: 1, needed: 1, replayed: false }, 201),
};

async function run(
  args: readonly string[],
  script: Parameters<typeof scriptedApi>[0] = WAITING,
  options: RunCliOptions = {},
) {
  api = await scriptedApi(script);
  const env = {
    POINTSMAN_URL: api.url,
    POINTSMAN_TOKEN: 't',
    POINTSMAN_TENANT: 'acme',
    POINTSMAN_BUNDLE: 'bot',
  };
  return runCli(args, { env, ...options });
}

const said = (): unknown => {
  const post = api?.seen.find(({ method }) => method === 'POST');
  return post === undefined ? null : JSON.parse(String(post.body));
};

describe('"pointsman approve"', () => {
  test('prints the comparison with the live release, asks for a confirmation, and binds the decision to that comparison', async () => {
    const result = await run(['approve', 'v3'], WAITING, { answers: ['y'] });
    expect(result).toMatchObject({ exit: 0, stderr: '', asked: ['Approve acme:bot:v3? [y/N] '] });
    expect(result.stdout.split('\n')).toEqual([
      'acme:bot:v3 to live by ci: Kinder',
      '  would be live  v3  sha256:aaaaaaaaaaaa',
      '  is live        v2  sha256:bbbbbbbbbbbb  at generation 7',
      '  2 files changed, 1 added, 1 removed ("pointsman diff 2 3" shows them)',
      '  … release waits for 1 of 1 approval by a token with the role approver, until 2026-01-02 00:00:00Z',
      'approved  acme:bot:v3 at "release": passed',
      '',
    ]);
    expect(said()).toEqual({ decision: 'approve', digest: DIGEST, generation: 7 });
    expect(api?.seen.at(-1)?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('prints the options that repeat an approval as the same decision when the approval got no response', async () => {
    const down = problem(503, 'unavailable', 'a store is down');
    const post = Object.keys(WAITING).find((one) => one.startsWith('POST')) ?? '';
    const lost = await run(['approve', 'v3'], { ...WAITING, [post]: down }, { answers: ['y'] });
    const key = String(api?.seen.at(-1)?.headers['idempotency-key']);
    expect(lost.exit).toBe(11);
    const again = `--idempotency-key ${key} --digest ${DIGEST} --if-generation 7`;
    expect(lost.stderr).toContain(again);
    await api?.close();
    expect((await run(['approve', 'v3', ...again.split(' ')], WAITING)).exit).toBe(0);
    expect(said()).toEqual({ decision: 'approve', digest: DIGEST, generation: 7 });
    expect(api?.seen.at(-1)?.headers['idempotency-key']).toBe(key);
  });

  test.each(['', 'n', 'no', 'yep', 'q'])(
    'records no decision when the user types %j, and exits with 130',
    async (answer) => {
      const result = await run(['approve', '3'], WAITING, { answers: [answer] });
      expect(result).toMatchObject({ exit: 130, stderr: 'error No decision was recorded.\n' });
      expect(said()).toBeNull();
    },
  );

  test('requires --digest when it runs in a pipe, and sends nothing without it', async () => {
    const result = await run(['approve', '3']);
    expect(result).toMatchObject({ exit: 2, stdout: '' });
    expect(result.stderr).toContain('--digest');
    expect(api?.seen).toEqual([]);
    await api?.close();
    expect((await run(['approve', '3', '--json'], WAITING, { answers: ['y'] })).exit).toBe(2);
  });

  test('does not read the release when --digest names the artifact to approve', async () => {
    const args = [
      'approve',
      '3',
      '--digest',
      DIGEST,
      '--if-generation',
      '6',
      '--gate',
      'legal',
      '--comment',
      'fine',
    ];
    const result = await run(args);
    expect(result.exit).toBe(0);
    expect(api?.seen).toHaveLength(1);
    expect(said()).toEqual({
      decision: 'approve',
      digest: DIGEST,
      generation: 6,
      gate: 'legal',
      comment: 'fine',
    });
  });

  test('does not ask with --yes, and binds the decision to the release that it has read', async () => {
    const result = await run(['approve', '3', '--yes'], WAITING, { answers: [] });
    expect(result).toMatchObject({ exit: 0, asked: [] });
    expect(said()).toEqual({ decision: 'approve', digest: DIGEST, generation: 7 });
  });

  test('shows every file of the first release of a bundle as added', async () => {
    const script = {
      ...WAITING,
      [`GET ${BUNDLE}/channels/live`]: problem(404, 'not_found', 'There is no channel "live" of "bot".'),
    };
    const { stdout } = await run(['approve', '3', '--yes'], script);
    expect(stdout).toContain('  is live        nothing yet\n  0 files changed, 4 added, 0 removed\n');
    expect(said()).toMatchObject({ generation: 0 });
  });

  test('prints the number of approvals while more are needed, and the response of the API with --json', async () => {
    const heard = { gate: 'release', state: 'open', decisions: 1, needed: 2, replayed: false };
    const script = { ...WAITING, [APPROVE]: json(heard, 201) };
    expect((await run(['approve', '3', '--yes'], script)).stdout).toContain(
      'approved  acme:bot:v3 at "release": 1 of 2\n',
    );
    await api?.close();
    const { stdout } = await run(['approve', '3', '--yes', '--json'], script);
    expect(JSON.parse(stdout)).toEqual(heard);
  });

  test('accepts the full name of a release in the forms that lists and logs print', async () => {
    for (const name of ['acme:bot:v3', 'acme/bot/v3']) {
      api = await scriptedApi(WAITING);
      const env = { POINTSMAN_URL: api.url, POINTSMAN_TOKEN: 't' };
      expect((await runCli(['approve', name, '--yes'], { env })).exit, name).toBe(0);
      await api.close();
    }
  });

  test('refuses a release that is not compiled yet or has settled, before it asks for a confirmation', async () => {
    const early = await run(['approve', '3'], { [READ]: json(release({ version: 3 })) }, { answers: ['y'] });
    expect(early).toMatchObject({ exit: 8, asked: [] });
    expect(early.stderr).toContain('is not compiled yet');
    await api?.close();
    const late = await run(['approve', '3', '--yes'], { [READ]: json(settled('cancelled', { version: 3 })) });
    expect(late.stderr).toContain('has settled as cancelled');
  });

  test.each([
    [409, 'gate_decided', 8],
    [409, 'already_decided', 8],
    [409, 'gate_expired', 8],
    [409, 'already_settled', 8],
    [409, 'gate_not_open', 8],
    [409, 'digest_mismatch', 8],
    [412, 'pointer_moved', 8],
    [422, 'idempotency_key_reused', 8],
    [422, 'which_gate', 2],
    [403, 'forbidden', 9],
    [403, 'own_release', 9],
    [404, 'not_found', 12],
  ])(
    'prints the reason of a %i response with the code "%s", and exits with %i',
    async (status, code, exit) => {
      const script = { ...WAITING, [APPROVE]: problem(status, code, 'the reason', { gates: ['a', 'b'] }) };
      const result = await run(['approve', '3', '--yes'], script);
      expect(result.exit).toBe(exit);
      expect(result.stderr).toContain('error the reason\n');
    },
  );

  test('prints a refusal together with the next action to take', async () => {
    const refused = (status: number, code: string, more = {}) => ({
      ...WAITING,
      [APPROVE]: problem(status, code, 'no', more),
    });
    const several = await run(
      ['approve', '3', '--yes'],
      refused(422, 'which_gate', { gates: ['legal', 'qa'] }),
    );
    expect(several.stderr).toContain('--gate: legal, qa');
    await api?.close();
    expect((await run(['approve', '3', '--yes'], refused(412, 'pointer_moved'))).stderr).toContain(
      'Review the comparison again',
    );
  });
});

describe('"pointsman reject"', () => {
  test('asks for the reason, which also confirms the rejection', async () => {
    const result = await run(['reject', '3'], WAITING, { answers: ['too risky'] });
    expect(result).toMatchObject({ exit: 0, asked: [expect.stringContaining('Reason for the rejection')] });
    expect(result.stdout).toContain('rejected  acme:bot:v3 at "release": passed\n');
    expect(said()).toEqual({ decision: 'reject', digest: DIGEST, generation: 7, comment: 'too risky' });
    await api?.close();
    expect((await run(['reject', '3'], WAITING, { answers: [''] })).exit).toBe(130);
    expect(said()).toBeNull();
  });

  test('asks for a confirmation, as "pointsman approve" does, when an option contains the reason', async () => {
    const result = await run(['reject', '3', '--comment', 'no'], WAITING, { answers: ['yes'] });
    expect(result).toMatchObject({ exit: 0, asked: ['Reject acme:bot:v3? [y/N] '] });
  });

  test('requires the reason as an option when it runs in a pipe', async () => {
    const result = await run(['reject', '3', '--yes']);
    expect(result).toMatchObject({ exit: 2 });
    expect(result.stderr).toContain('--comment');
    expect(api?.seen).toEqual([]);
  });
});
