import { randomUUID } from 'node:crypto';

import type { RightValues } from './hostile-requests.ts';

/**
 * Values for a valid request to every operation, for a tenant with a bundle named `bundle`, a hook `main`, a sink `audit` and a follower
 * `bot-7`.
 */
export function rightValues(given: {
  readonly tenant: string;
  /** The digest of the live artifact. */
  readonly digest: string;
  /** The version of a release that waits at the gates `release` and `e2e`. */
  readonly waiting: number;
  /** The secret with which the hook and the sink are set. */
  readonly secret: string;
  readonly capability?: string;
}): RightValues {
  const { tenant, digest, waiting, secret, capability = 'a'.repeat(43) } = given;
  const parameters = {
    tenant,
    bundle: 'bundle',
    channel: 'live',
    version: String(waiting),
    check: 'e2e',
    hook: 'main',
    sink: 'audit',
    follower: 'bot-7',
    token: randomUUID(),
    id: randomUUID(),
    path: 'a.json',
    digest,
    capability,
  };
  const bodies = {
    createTenant: { tenant: `${tenant}-2` },
    publish: {
      files: { 'a.json': '{}' },
      channel: 'other',
      createChannel: true,
      onConflict: 'queue',
      message: 'why',
    },
    approveRelease: { decision: 'approve', digest, generation: 1, gate: 'release', comment: 'why' },
    reportCheck: { conclusion: 'success', summary: 'all', url: 'https://ci.example/1', digest },
    postReport: { conclusion: 'success', summary: 'all', url: 'https://ci.example/1' },
    movePointer: { version: 1, hold: 'why' },
    holdPointer: { reason: 'why' },
    cancelRelease: { reason: 'why' },
    findMissingBlobs: { digests: [digest] },
    acknowledge: { generation: 1, digest },
    putPolicy: {
      channels: {
        other: {
          onConflict: 'queue',
          gates: [
            { approval: { name: 'release', role: 'approver', count: 1, notAuthor: true, within: '24h' } },
            { check: { name: 'e2e', url: 'https://ci.example/check', within: '30m' } },
            { window: { name: 'window', timezone: 'Europe/Oslo', freeze: ['Fri 16:00 - Mon 07:00'] } },
          ],
        },
      },
      compile: { executor: 'http', url: 'https://ci.example/compile', within: '10m', attempts: 1 },
    },
    setHook: {
      provider: 'generic',
      repository: 'bot',
      ref: 'refs/heads/*',
      path: 'config',
      bundle: 'other',
      channel: 'live',
      createChannel: true,
      secret,
      apiUrl: 'https://ci.example/api',
      token: 't',
    },
    setSink: { webhook: { url: 'https://sink.example/', secret } },
    rotateSink: { secret },
    pauseSink: { reason: 'why' },
    resumeSink: {},
    replaySink: { after: `${tenant}:0` },
    testSink: {},
    redeliver: { seq: 1 },
    setQuotas: { bytes: 1_000_000_000, tokens: null },
    createToken: { name: 'ci', tenant, roles: ['publisher'] },
  };
  return { parameters, bodies };
}
