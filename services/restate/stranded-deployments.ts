import type { RestateAdmin } from './admin.ts';

/**
 * Moves every deployment whose worker is gone to the address where that worker is now, and returns their ids: what is in
 * flight on them would otherwise be tried for ever at a port that nobody serves. Theirs are the services that the worker at
 * `workerUrl`, which must have registered itself, serves too, at another port of 127.0.0.1; other people's are left alone.
 */
export async function moveStrandedDeployments(admin: RestateAdmin, workerUrl: string): Promise<string[]> {
  const { origin } = new URL(workerUrl);
  const deployments = (await admin.listDeployments()).flatMap(({ id, url, services }) =>
    url === null ? [] : [{ id, url: new URL(url), names: services.map((service) => service.name) }],
  );
  const ours = new Set(deployments.filter(({ url }) => url.origin === origin).flatMap(({ names }) => names));
  const stranded = deployments.filter(
    ({ url, names }) =>
      url.origin !== origin && url.hostname === '127.0.0.1' && names.some((name) => ours.has(name)),
  );
  for (const { id, url } of stranded)
    await admin.patchDeployment(id, origin + url.pathname.replace(/\/$/, ''));
  return stranded.map(({ id }) => id);
}
