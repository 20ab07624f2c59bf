const TENANT = '/v1/tenants/{tenant}';
const BUNDLE = `${TENANT}/bundles/{bundle}`;
const CHANNEL = `${BUNDLE}/channels/{channel}`;
const RELEASE = `${BUNDLE}/releases/{version}`;
const HOOK = `${TENANT}/hooks/{hook}`;
const SINK = `${TENANT}/sinks/{sink}`;
const CALLBACK = '/v1/callbacks/{capability}';

/**
 * The paths of the API, as templates. The API builds its routes from them, and {@link pathOf} returns the
 * path of one resource. A parameter such as `{tenant}` matches one segment. A parameter whose name ends with
 * `+` matches the rest of the path.
 */
export const paths = {
  tenants: '/v1/tenants',
  tenant: TENANT,
  policy: `${TENANT}/policy`,
  policyVersions: `${TENANT}/policy/versions`,
  quotas: `${TENANT}/quotas`,
  tokens: '/v1/tokens',
  token: '/v1/tokens/{id}',

  bundles: `${TENANT}/bundles`,
  releases: `${BUNDLE}/releases`,
  release: RELEASE,
  releaseEvents: `${RELEASE}/events`,
  cancel: `${RELEASE}/cancel`,
  reconcile: `${RELEASE}/reconcile`,
  approvals: `${RELEASE}/approvals`,
  check: `${RELEASE}/checks/{check}`,
  /** The releases of a tenant that have not settled yet. */
  inFlight: `${TENANT}/releases`,
  /** The open gates of a tenant. */
  gates: `${TENANT}/gates`,

  channels: `${BUNDLE}/channels`,
  channel: CHANNEL,
  channelMoves: `${CHANNEL}/moves`,
  rollback: `${CHANNEL}/rollback`,
  hold: `${CHANNEL}/hold`,
  followers: `${CHANNEL}/followers`,
  follower: `${CHANNEL}/followers/{follower}`,
  /** One compiled file of the release that is live at a pointer. */
  file: `${CHANNEL}/files/{path+}`,
  /** The moves of all pointers of a tenant, as pages or as an event stream. */
  feed: `${TENANT}/moves`,

  /** The manifest of an artifact. */
  artifact: `${TENANT}/artifacts/{digest}`,
  /** Which of some contents the tenant has not stored. */
  missingBlobs: `${TENANT}/missing-blobs`,
  /** Any blob of an artifact. */
  blob: `${TENANT}/blobs/{digest}`,

  hooks: `${TENANT}/hooks`,
  hook: HOOK,
  hookDeliveries: `${HOOK}/deliveries`,

  sinks: `${TENANT}/sinks`,
  sink: SINK,
  sinkAttempts: `${SINK}/attempts`,
  sinkTest: `${SINK}/test`,
  sinkRedeliver: `${SINK}/redeliver`,
  sinkRotate: `${SINK}/rotate`,
  sinkPause: `${SINK}/pause`,
  sinkResume: `${SINK}/resume`,
  sinkReplay: `${SINK}/replay`,

  callback: CALLBACK,
  callbackSource: `${CALLBACK}/source`,
  callbackBlob: `${CALLBACK}/blobs/{digest}`,

  /** Whether the process runs. */
  alive: '/healthz',
  /** Whether the process is ready for requests. */
  ready: '/readyz',
  metrics: '/metrics',
  /** The OpenAPI document. */
  openApi: '/openapi.json',
  /** The server's diagnosis. */
  diagnosis: '/v1/diagnosis',
  /** One of the JSON Schemas that the API publishes. */
  schema: '/v1/schemas/{name}',
} as const;

type NamesIn<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Plain}+` ? Plain : Name) | NamesIn<Rest>
  : never;

/** The parameters of a path template, by name. */
export type PathParams<Path extends string> = Readonly<Record<NamesIn<Path>, string | number>>;

/** Returns the path of one resource. The parameters are inserted into the template, percent-encoded. */
export function pathOf<Path extends string>(template: Path, params: PathParams<Path>): string {
  const values = new Map<string, string | number>(Object.entries(params));
  return template.replaceAll(/\{(\w+)(\+?)\}/g, (_, name: string, rest: string) => {
    const value = values.get(name);
    if (value === undefined) throw new TypeError(`The path ${template} needs a value for ${name}`);
    return rest === '' ? segment(String(value)) : String(value).split('/').map(segment).join('/');
  });
}

/**
 * Percent-encodes one segment of a path. Colons are kept: they are valid in a path (RFC 3986, section 3.3),
 * and digests stay readable.
 */
function segment(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
