/** Paths of the API. Names are validated before, so they need no escaping. */

export const tenantsPath = '/v1/tenants';

export const tokensPath = '/v1/tokens';

/** The server's examination. */
export const diagnosisPath = '/v1/diagnosis';

export function tokenPath(id: string): string {
  return `${tokensPath}/${id}`;
}

/** The releases of a tenant that have not settled. */
export function inFlightPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/releases`;
}

export function policyPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/policy`;
}

export function quotasPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/quotas`;
}

export function hooksPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/hooks`;
}

export function hookPath(tenant: string, hook: string): string {
  return `${hooksPath(tenant)}/${hook}`;
}

export function sinksPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/sinks`;
}

export function sinkPath(tenant: string, sink: string): string {
  return `${sinksPath(tenant)}/${sink}`;
}

/** The moves of all pointers of a tenant. */
export function feedPath(tenant: string): string {
  return `${tenantsPath}/${tenant}/moves`;
}

export function bundlePath(tenant: string, bundle: string): string {
  return `${tenantsPath}/${tenant}/bundles/${bundle}`;
}

export function releasePath(tenant: string, bundle: string, version: number): string {
  return `${bundlePath(tenant, bundle)}/releases/${version}`;
}

export function reconcilePath(tenant: string, bundle: string, version: number): string {
  return `${releasePath(tenant, bundle, version)}/reconcile`;
}

export function channelPath(tenant: string, bundle: string, channel: string): string {
  return `${bundlePath(tenant, bundle)}/channels/${channel}`;
}

/** The path of an artifact's manifest. */
export function artifactPath(tenant: string, digest: string): string {
  return `${tenantsPath}/${tenant}/artifacts/${digest}`;
}

/** The path of any content of an artifact. */
export function blobPath(tenant: string, digest: string): string {
  return `${tenantsPath}/${tenant}/blobs/${digest}`;
}

/** The path of a compiled file at a pointer. The file's path comes from a source, and keeps its slashes. */
export function filePath(tenant: string, bundle: string, channel: string, path: string): string {
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  return `${channelPath(tenant, bundle, channel)}/files/${escaped}`;
}
