import type { RestateAdmin } from './admin.ts';

/**
 * Moves every deployment without a worker to the current URL of the worker, and returns their IDs. Otherwise Restate
 * would retry their invocations permanently at an unused port. A deployment belongs to this worker if it is at another
 * port of 127.0.0.1 and has a service that the worker at `workerUrl` also has. That worker must be registered. Other
 * deployments stay unchanged.
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
