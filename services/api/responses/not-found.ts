import { PointsmanError } from '@pointsman/protocol/errors';
import { bundleExists } from '../../postgres/content/bundles.ts';
import type { Database } from '../../postgres/database.ts';
import { findTenant } from '../../postgres/tenants/tenants.ts';

/**
 * Returns the error for a missing resource. If its tenant or bundle does not exist either, the error names the tenant or the bundle
 * instead.
 */
export async function missingError(
  db: Database,
  { tenant, bundle }: { readonly tenant: string; readonly bundle?: string },
  thing: string,
): Promise<PointsmanError> {
  if ((await findTenant(db, tenant)) === null) return noTenant(tenant);
  if (bundle !== undefined && !(await bundleExists(db, tenant, bundle))) {
    return notFound(`The tenant "${tenant}" has no bundle "${bundle}".`);
  }
  return notFound(`The ${thing} does not exist.`);
}

export function noTenant(tenant: string): PointsmanError {
  return notFound(`The tenant "${tenant}" does not exist.`);
}

export function notFound(detail: string): PointsmanError {
  return new PointsmanError('not_found', detail);
}

/** Throws `not_found` unless the tenant exists. */
export async function requireTenant(db: Database, tenant: string): Promise<void> {
  if ((await findTenant(db, tenant)) === null) throw noTenant(tenant);
}

/** Throws `not_found` unless the tenant and its bundle exist. */
export async function requireBundle(db: Database, tenant: string, bundle: string): Promise<void> {
  if (!(await bundleExists(db, tenant, bundle)))
    throw await missingError(db, { tenant, bundle }, `bundle "${bundle}"`);
}
