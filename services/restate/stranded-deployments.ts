import type { RestateAdmin } from './admin.ts';

/**
 * Changes the URL of deployments without a worker to the current URL of the worker. Returns the IDs of the changed
 * deployments. Without this change, Restate would permanently retry their invocations at a port where no worker
 * listens.
 *
 * The worker at `workerUrl` must already be registered. A deployment is changed if it is at another port of 127.0.0.1
 * and has a service with the same name as a service of this worker.
 */
export async function moveStrandedDeployments(admin: RestateAdmin, workerUrl: string): Promise<string[]> {
  const { origin } = new URL(workerUrl);
  const deployments = (await admin.listDeployments()).flatMap(({ id, url, services }) =>
    url === null ? [] : [{ id, url: new URL(url), names: services.map((service) => service.name) }],
  );
  const ownServices = new Set(
    deployments.filter(({ url }) => url.origin === origin).flatMap(({ names }) => names),
  );
  const stranded = deployments.filter(
    ({ url, names }) =>
      url.origin !== origin && url.hostname === '127.0.0.1' && names.some((name) => ownServices.has(name)),
  );
  for (const { id, url } of stranded)
    await admin.patchDeployment(id, origin + url.pathname.replace(/\/$/, ''));
  return stranded.map(({ id }) => id);
}
