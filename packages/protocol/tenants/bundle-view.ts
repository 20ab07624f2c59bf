import { z } from 'zod';

import { BundleName } from '../identifiers.ts';

/** A bundle in the list of a tenant's bundles. */
export const BundleView = z.object({ bundle: BundleName, createdAt: z.string() }).meta({
  id: 'Bundle',
  description: 'A named thing that a tenant publishes.',
  example: { bundle: 'support-bot', createdAt: '2026-03-01T12:00:00.000Z' },
});
