import { randomUUID } from 'node:crypto';

import { digestOf } from '../../packages/protocol/digest.ts';
import { newWebhookSecret } from '../../packages/protocol/webhooks/webhook-secret.ts';
import { rightValues } from '../support/data/right-values.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { pick } from './random.ts';
import { type FuzzTenant, GATED, hookOf, policyOf, STEERED } from './tenants.ts';
import type { FuzzWorld } from './world.ts';

/** What makes a request of one operation right, once. */
export interface Target {
  /** The tenant in the path, or to which a capability in it belongs. */
  readonly tenant: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of JSON, in which {@link Target.filled} takes the place of names; undefined for none. */
  readonly body?: unknown;
  /** Instead: a body that is not JSON. */
  readonly content?: string;
  /** Under what its success is counted, where that is not the operation. */
  readonly counts?: string;
  /** What stands where in the body: `@fresh@`. The same body is mutated over and over, so that it is the same document each time. */
  readonly filled: Readonly<Record<string, string>>;
  /** Told of the answer's status: what was used up is made again. */
  readonly answered: (status: number) => void;
}

/**
 * What a sink does in the turn of its one writer. A turn that delivers a long feed may take 20 s by right (`sinkLimits.batchMs`), and acme's feed grows
 * with the run, so that these are asked of the rival, whose feed stays short.
 */
export const STEERING: ReadonlySet<string> = new Set([
  'pauseSink',
  'resumeSink',
  'replaySink',
  'testSink',
  'redeliver',
]);

/** What is right for that operation, of the tenant whose things a run uses for it. */
export function targetOf(world: FuzzWorld, random: Random, operationId: string): Target {
  if (STEERING.has(operationId)) return standingTarget(world.rival, operationId);
  return (SPECIAL[operationId] ?? standing)(world, random, operationId);
}

const DELETIONS: ReadonlySet<string> = new Set(['deleteHook', 'deleteSink']);

/** A right request for that operation to a tenant, with the things that are always there, or with `spare` ones if it deletes. */
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
      // Its own admin may delete them, and other requests need those that are always there.
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

/** Those that need, or take away, something that others don't. */
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
    // A name belongs to the first token that used it.
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
  // A policy that a request left would be the one of all releases after it.
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

/** Both kinds in turn, so that a short run has as many of each. */
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
      // Somebody cancelled or rejected it meanwhile, or it went live.
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

/** The capability was used, or nothing waits for it any more. */
function isOver(status: number): boolean {
  return status === 409 || status === 410;
}
