import { type Operation, operationsOf } from '../support/data/hostile-requests.ts';
import type { Random } from '../support/data/seeded-random.ts';
import { hostileArchive, rightArchive } from './archives.ts';
import { hostileDelivery } from './deliveries.ts';
import { pick } from './random.ts';
import { bodyOf, contentType, encodePart, headersOf, hostileText, queryValue } from './request-parts.ts';
import { hostileSource } from './sources.ts';
import { standingTarget, STEERING, type Target, targetOf } from './targets.ts';
import { EVERYBODY, type FuzzTenant, type Sender } from './tenants.ts';
import type { FuzzWorld } from './world.ts';

export interface FuzzRequest {
  /** What the request attempts, for the report. */
  readonly kind: string;
  /** The name under which a success of this request is counted. */
  readonly operation: string;
  readonly sender: Sender;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
  /**
   * The tenant to which the capability in the path, or the signature, gives access, regardless of the sender. Null
   * without one.
   */
  readonly opens: string | null;
  /** Whether the request names a resource of another tenant, so that any success is a violation. */
  readonly isForeign: boolean;
  readonly answered: (status: number) => void;
}

type Generator = (world: FuzzWorld, random: Random) => Promise<FuzzRequest> | FuzzRequest;

/**
 * The kinds of requests and their weights. Archives and sources are rare, because each takes the time of a thread.
 */
const KINDS: readonly (readonly [weight: number, Generator])[] = [
  [20, rightOperation],
  [48, anyOperation],
  [10, anothersAddress],
  [2, anothersId],
  [8, delivery],
  [8, source],
  [4, archive],
];
const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0);

export async function nextRequest(world: FuzzWorld, random: Random): Promise<FuzzRequest> {
  let left = random() * TOTAL;
  for (const [weight, generate] of KINDS) {
    left -= weight;
    if (left < 0) return generate(world, random);
  }
  return anyOperation(world, random);
}

/** The operations that only the platform's admin may call. */
const PLATFORMS: ReadonlySet<string> = new Set(['createTenant', 'getDiagnosis', 'listTenants', 'setQuotas']);

/** The sender that is allowed to call that operation. */
function strongSender({ platform, scratch, rival, acme }: FuzzWorld, operationId: string): Sender {
  if (PLATFORMS.has(operationId)) return platform.admin;
  if (STEERING.has(operationId)) return adminOf(rival);
  return adminOf(operationId === 'putPolicy' ? scratch : acme);
}

function adminOf({ senders }: Pick<FuzzTenant, 'senders'>): Sender {
  return senders.find(({ role }) => role === 'admin')!;
}

/**
 * Half of the requests come from a sender that is allowed to call the operation. Other senders test only the
 * refusals, and never reach the code behind the authorization.
 */
function senderOf(world: FuzzWorld, random: Random, operationId: string): Sender {
  return random() < 0.5 ? strongSender(world, operationId) : pick(random, world.senders);
}

let asked = 0;

/**
 * Goes through all operations in order, with a valid request from a sender that is allowed to call it. So every run,
 * with any seed, reaches the code behind the checks of every operation.
 */
function rightOperation(world: FuzzWorld, random: Random): FuzzRequest {
  const all = operationsOnce(world.document);
  const operation = all[asked++ % all.length]!;
  const target = targetOf(world, random, operation.operationId);
  const body = filledIn(
    target,
    target.content ?? (target.body === undefined ? null : JSON.stringify(target.body)),
  );
  return {
    ...whole({ kind: 'right', operation, target, sender: strongSender(world, operation.operationId) }),
    method: methodOf(operation, random),
    path: pathOf(operation, target.parameters),
    headers: body === null ? {} : { 'content-type': contentTypeOf(target) },
    body,
  };
}

/** A request to a random operation of the OpenAPI document. Most of its values are valid, and some are hostile. */
function anyOperation(world: FuzzWorld, random: Random): FuzzRequest {
  const operation = pick(random, operationsOnce(world.document));
  const target = targetOf(world, random, operation.operationId);
  const sender = senderOf(world, random, operation.operationId);
  return hostileRequest(random, { kind: 'operation', operation, target, sender });
}

/** A request to a random operation. In most cases, senders of acme request resources of rival, or the reverse. */
function anothersAddress(world: FuzzWorld, random: Random): FuzzRequest {
  const operation = pick(random, operationsOnce(world.document));
  const [sender, tenant] = pick(random, [
    [pick(random, world.senders), world.rival],
    [adminOf(world.acme), world.rival],
    [pick(random, world.rival.senders), world.acme],
    [adminOf(world.rival), world.acme],
    [pick(random, world.rival.senders), world.rival],
  ] as const);
  const target = standingTarget(tenant, operation.operationId);
  return hostileRequest(random, { kind: 'another tenant', operation, target, sender });
}

/** A request to the sender's own tenant with an id or a digest of another tenant. */
function anothersId(world: FuzzWorld, random: Random): FuzzRequest {
  const { acme, rival } = world;
  const operationId = pick(random, ['getArtifact', 'getBlob', 'revokeToken']);
  const operation = operationsOnce(world.document).find((one) => one.operationId === operationId)!;
  const [own, other] = pick(random, [
    [acme, rival],
    [rival, acme],
  ] as const);
  const parameters = {
    tenant: own.name,
    digest: pick(random, [other.digest, other.source]),
    id: other.tokenId,
  };
  const target = { ...standingTarget(own, operationId), parameters };
  return {
    ...whole({ kind: 'another’s id', operation, target, sender: adminOf(own) }),
    path: pathOf(operation, parameters),
    isForeign: true,
  };
}

interface Intent {
  readonly kind: string;
  readonly operation: Operation;
  readonly target: Target;
  readonly sender: Sender;
}

/** The request for that intent without hostile values. */
function whole({ kind, operation, target, sender }: Intent): FuzzRequest {
  const { operationId } = operation;
  const isOthers = sender.tenant !== EVERYBODY && sender.tenant !== target.tenant;
  return {
    kind: `${kind} ${operationId}`,
    operation: target.counts ?? operationId,
    sender,
    method: operation.method,
    path: pathOf(operation, target.parameters),
    headers: {},
    body: null,
    opens: operation.path.includes('{capability}') ? target.tenant : null,
    isForeign: isOthers && namesTenant(operation),
    answered: target.answered,
  };
}

/** Whether the path determines the tenant. A delivery is excluded: its signature authorizes it for any sender. */
function namesTenant({ path, operationId }: Operation): boolean {
  return (path.includes('{tenant}') && operationId !== 'deliver') || operationId === 'revokeToken';
}

function hostileRequest(random: Random, intent: Intent): FuzzRequest {
  const { operation, target } = intent;
  const hostile = (chance: number): boolean => random() < chance;
  const query = operation.parameters
    .filter(({ in: place }) => place === 'query' && random() < 0.3)
    .map(({ name }) => `${name}=${encodePart(queryValue(random, name, hostile(0.6)))}`);
  const base = target.content === undefined ? target.body : undefined;
  const made =
    target.content !== undefined && hostile(0.5)
      ? target.content
      : bodyOf(random, base, operation.requestBody !== undefined);
  const body = filledIn(target, made);
  const path = pathOf(operation, target.parameters, () => (hostile(0.12) ? hostileText(random) : null));
  return {
    ...whole(intent),
    method: methodOf(operation, random),
    path: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: {
      ...headersOf(random),
      ...(body === null ? {} : { 'content-type': contentType(random, contentTypeOf(target)) }),
    },
    body,
  };
}

function contentTypeOf({ content }: Target): string {
  return content === undefined ? 'application/json' : 'application/octet-stream';
}

/** Every operation with GET also accepts HEAD. */
function methodOf({ method }: Operation, random: Random): string {
  return method === 'GET' && random() < 0.1 ? 'HEAD' : method;
}

function pathOf(
  { path }: Operation,
  parameters: Readonly<Record<string, string>>,
  instead: () => string | null = () => null,
): string {
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    encodePart(instead() ?? parameters[name] ?? 'missing'),
  );
}

function filledIn({ filled }: Target, body: string | null): string | null {
  if (body === null) return null;
  return Object.entries(filled).reduce((text, [name, value]) => text.replaceAll(name, value), body);
}

let operations: Operation[] | null = null;

function operationsOnce(document: unknown): Operation[] {
  return (operations ??= operationsOf(document));
}

/** A POST request that is not generated from the OpenAPI document. */
function posted(
  sender: Sender,
  request: Pick<FuzzRequest, 'kind' | 'operation' | 'path' | 'headers' | 'body'> & {
    readonly tenant: string;
  },
): FuzzRequest {
  const { tenant, ...rest } = request;
  const isOthers = sender.tenant !== EVERYBODY && sender.tenant !== tenant;
  return {
    ...rest,
    sender,
    method: 'POST',
    opens: null,
    isForeign: isOthers && !rest.operation.startsWith('delivery'),
    answered: () => undefined,
  };
}

/** Uploads an archive. Half are dry runs by acme. The tenant `packer` publishes the others, and nothing else. */
async function archive(world: FuzzWorld, random: Random): Promise<FuzzRequest> {
  const isDry = random() < 0.5;
  const { kind, bytes } = await (!isDry && random() < 0.3 ? rightArchive(random) : hostileArchive(random));
  const tenant = isDry ? world.acme : world.packer;
  return posted(isDry ? senderOf(world, random, 'publish') : adminOf(tenant), {
    kind: `${isDry ? '' : 'published '}archive ${kind}`,
    operation: isDry ? 'dry run' : 'publish of an archive',
    tenant: tenant.name,
    path: `/v1/tenants/${tenant.name}/bundles/archives/releases${isDry ? '?dryRun=true' : ''}`,
    headers: { 'content-type': 'application/gzip' },
    body: bytes,
  });
}

/** Sends a source, mostly as a dry run. Publishers are acme and the tenant `scratch`, whose policies are hostile. */
function source(world: FuzzWorld, random: Random): FuzzRequest {
  const { kind, files } = hostileSource(random);
  const tenant = random() < 0.1 ? world.scratch : world.acme;
  const isDry = tenant === world.acme && random() < 0.8;
  return posted(tenant === world.acme ? senderOf(world, random, 'publish') : adminOf(tenant), {
    kind: `source ${kind}`,
    operation: isDry ? 'dry run' : 'publish',
    tenant: tenant.name,
    path: `/v1/tenants/${tenant.name}/bundles/sources/releases${isDry ? '?dryRun=true' : ''}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files }),
  });
}

function delivery({ acme, outside, senders }: FuzzWorld, random: Random): FuzzRequest {
  const { provider, kind, headers, body } = hostileDelivery(random, outside, acme.hookSecret);
  const nobody = senders.find(({ authorization }) => authorization === null)!;
  const request = posted(nobody, {
    kind: `delivery of ${provider} ${kind}`,
    operation: `delivery of ${provider}`,
    tenant: acme.name,
    path: `/v1/tenants/${acme.name}/hooks/${provider}/deliveries`,
    headers,
    body,
  });
  return { ...request, opens: acme.name };
}
