import { randomUUID } from 'node:crypto';

import { digestOf } from '../../packages/protocol/digest.ts';
import { newWebhookSecret } from '../../packages/protocol/webhooks/webhook-secret.ts';
import { rightValues } from '../support/data/right-values.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { pick } from './random.ts';
import { type FuzzTenant, GATED, hookOf, policyOf, STEERED } from './tenants.ts';
import type { FuzzWorld } from './world.ts';

/** The values of one valid request to an operation. */
export interface Target {
  /** The tenant in the path, or the tenant of the capability in the path. */
  readonly tenant: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The JSON body, with placeholders that {@link Target.filled} replaces. Undefined if there is no JSON body. */
  readonly body?: unknown;
  /** A body that is not JSON, sent instead of `body`. */
  readonly content?: string;
  /** The name under which a success is counted, if it is not the operation's id. */
  readonly counts?: string;
  /**
   * The values of the placeholders in the body, such as `@fresh@`. They are filled in after the body was mutated, so
   * that all mutations of an operation start from the same document and are generated only once.
   */
  readonly filled: Readonly<Record<string, string>>;
  /** Called with the status of the response. Replaces a resource that the request used up. */
  readonly answered: (status: number) => void;
}

/**
 * Operations that a sink executes in the turn of its single writer. A turn that delivers a long feed may take up to
 * 20 s (`sinkLimits.batchMs`), and the feed of acme grows during the run. These operations are therefore sent to the
 * tenant rival, whose feed stays short.
 */
export const STEERING: ReadonlySet<string> = new Set([
  'pauseSink',
  'resumeSink',
  'replaySink',
  'testSink',
  'redeliver',
]);

/** A valid request for that operation, to the tenant whose resources the run uses for it. */
export function targetOf(world: FuzzWorld, random: Random, operationId: string): Target {
  if (STEERING.has(operationId)) return standingTarget(world.rival, operationId);
  return (SPECIAL[operationId] ?? standing)(world, random, operationId);
}

const DELETIONS: ReadonlySet<string> = new Set(['deleteHook', 'deleteSink']);

/**
 * A valid request for that operation to a tenant. It names resources that exist during the whole run. A deletion
 * names the `spare` ones instead.
 */
export function standingTarget(tenant: FuzzTenant, operationId: string): Target {
  const { parameters, bodies } = rightValues({
    tenant: '@tenant@',
    digest: '@digest@',
    waiting: 1,
    secret: SECRET,
  });
  return {
    tenant: tenant.name,
    parameters: {
      ...parameters,
      tenant: tenant.name,
      digest: tenant.digest,
      hook: 'generic',
      id: tenant.tokenId,
      // The tenant's own admin is allowed to delete these. Other requests need the permanent ones.
      ...(DELETIONS.has(operationId) ? { hook: 'spare', sink: 'spare' } : {}),
    },
    body: bodies[operationId],
    filled: { '@tenant@': tenant.name, '@digest@': tenant.digest },
    answered: () => undefined,
  };
}

const SECRET = newWebhookSecret();

type Targeting = (world: FuzzWorld, random: Random, operationId: string) => Target;

const standing: Targeting = ({ acme }, _random, operationId) => standingTarget(acme, operationId);

/** The operations that need or use up a resource of their own. */
const SPECIAL: Readonly<Record<string, Targeting>> = {
  createTenant: (world) =>
    changed(world, 'createTenant', {
      body: { tenant: '@fresh@' },
      filled: { '@fresh@': `made-${randomUUID()}` },
    }),
  createToken: (world) =>
    changed(world, 'createToken', {
      body: { name: '@fresh@', tenant: '@tenant@', roles: ['publisher'] },
      filled: { '@fresh@': `ci-${randomUUID()}`, '@tenant@': world.acme.name },
    }),
  publish: (world) => changed(world, 'publish', { parameters: { bundle: 'published' } }),
  movePointer: (world, random) =>
    changed(world, 'movePointer', {
      parameters: { bundle: pick(random, STEERED) },
      body: pick(random, [{ version: 1 }, { version: 2 }, { version: 1, hold: 'why' }, { restores: 1 }]),
    }),
  holdPointer: (world, random) =>
    changed(world, 'holdPointer', { parameters: { bundle: pick(random, STEERED) } }),
  liftHold: (world, random) => changed(world, 'liftHold', { parameters: { bundle: pick(random, STEERED) } }),
  acknowledge: (world, random) =>
    // The first token that uses a follower's name owns it, so other tokens need other names.
    changed(world, 'acknowledge', { parameters: { follower: `bot-${Math.floor(random() * 1_000)}` } }),
  setHook: (world, random) =>
    changed(world, 'setHook', {
      parameters: { hook: 'spare' },
      body: hookOf(world.outside, pick(random, ['github', 'gitlab', 'generic'] as const), SECRET),
    }),
  setSink: (world) =>
    changed(world, 'setSink', {
      parameters: { sink: 'spare' },
      body: { webhook: { url: world.outside.address('/sink/spare'), secret: SECRET } },
    }),
  // These policies are set for the tenant "scratch" only. If the tenant "acme" got one, it would apply to all later
  // releases of "acme".
  putPolicy: (world) => ({
    ...standingTarget(world.scratch, 'putPolicy'),
    body: { ...(policyOf(world.outside) as object), compile: compileRule(world) },
  }),
  setQuotas: ({ scratch }) => standingTarget(scratch, 'setQuotas'),
  revokeToken: (world, random) => {
    const { thing, used } = world.stock.tokens.take(random, 'revoke');
    return {
      ...changed(world, 'revokeToken', { parameters: { id: thing.id } }),
      answered: (status) => void (status < 300 && used('up')),
    };
  },
  approveRelease: gated,
  reportCheck: gated,
  cancelRelease: gated,
  postReport: (world, random) =>
    callbacks++ % 2 === 0 ? reportedCheck(world, random) : ofJob(world, random, 'postReport'),
  getCallbackSource: ofJob,
  findCallbackBlob: ofJob,
  uploadCallbackBlob: (world, random) => {
    const content = `a blob ${randomUUID()}`;
    const target = ofJob(world, random, 'uploadCallbackBlob');
    const digest = random() < 0.8 ? digestOf(content) : target.parameters['digest']!;
    return { ...target, parameters: { ...target.parameters, digest }, content };
  },
};

/** Counts the callbacks. Both kinds take turns, so that even a short run has equally many of each. */
let callbacks = 0;

function changed(
  { acme }: FuzzWorld,
  operationId: string,
  changes: Partial<Pick<Target, 'parameters' | 'body' | 'filled'>>,
): Target {
  const target = standingTarget(acme, operationId);
  return { ...target, ...changes, parameters: { ...target.parameters, ...changes.parameters } };
}

function compileRule({ outside }: FuzzWorld): unknown {
  return { executor: 'http', url: outside.address('/compile'), within: '10m', attempts: 1 };
}

function gated(world: FuzzWorld, random: Random, operationId: string): Target {
  const { thing, used } = world.stock.gated.take(random, operationId);
  const target = changed(world, operationId, {
    parameters: { bundle: thing.bundle, version: String(thing.version), channel: GATED },
    filled: { '@digest@': thing.digest },
  });
  const body =
    operationId === 'approveRelease'
      ? { decision: 'approve', digest: '@digest@', gate: 'release', comment: 'why' }
      : target.body;
  return {
    ...target,
    body,
    answered: (status) => {
      if (status < 300) used(operationId === 'cancelRelease' ? 'up' : 'so');
      // Another request has cancelled or rejected the release in the meantime, or it is live.
      if (status === 409) used('up');
    },
  };
}

function reportedCheck(world: FuzzWorld, random: Random): Target {
  const { thing, used } = world.stock.gated.take(random, 'postReport');
  return {
    ...changed(world, 'postReport', { parameters: { capability: thing.capability } }),
    counts: 'report of a check',
    // A success passes one gate of three.
    answered: (status) => void (status < 300 ? used('so') : isOver(status) && used('up')),
  };
}

function ofJob(world: FuzzWorld, random: Random, operationId: string): Target {
  const { thing, used } = world.stock.jobs.take(random, operationId);
  const { capability, built } = thing;
  return {
    tenant: world.remote.name,
    parameters: { capability, digest: pick(random, built.blobs).digest },
    filled: { '@digest@': built.digest },
    ...(operationId === 'postReport'
      ? {
          counts: 'report of a compiler',
          body: { status: 'compiled', artifacts: [{ channel: null, digest: '@digest@' }] },
          answered: (status: number) => void ((status < 300 || isOver(status)) && used('up')),
        }
      : { answered: (status: number) => void (isOver(status) && used('up')) }),
  };
}

/** Whether the status shows that the capability was used already, or that the release no longer waits for it. */
function isOver(status: number): boolean {
  return status === 409 || status === 410;
}
