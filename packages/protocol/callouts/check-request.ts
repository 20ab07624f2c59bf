import { z } from 'zod';

import { CheckBody } from '../releases/gate-bodies.ts';
import { BundleName, ChannelName, Digest, TenantName, Version } from '../identifiers.ts';
import { requestLimits } from '../limits.ts';
import { httpUrl } from '../json/storable.ts';

/**
 * The request that Pointsman posts to a check's URL when a release reaches its gate, and the report that the
 * check posts back. The callback URL contains a capability for this gate of this release, so keep the request
 * as secret as a token.
 */

/**
 * The version of the request format. It changes only for changes that an older check would misinterpret, and
 * not for a new field that a check may ignore.
 */
export const CHECK_CONTRACT = 'pointsman.check/v1';

const Url = httpUrl(requestLimits.urlChars);

export const CheckRequest = z.object({
  contract: z.literal(CHECK_CONTRACT),
  correlationId: z.string(),
  tenant: TenantName,
  bundle: BundleName,
  version: Version,
  channel: ChannelName,
  /** The name of the gate. */
  check: z.string(),
  /** The digest of the artifact that would become live. */
  digest: Digest,
  /** After the deadline, the callback returns 410 and the release is rejected. */
  deadline: z.iso.datetime(),
  /** POST a {@link CheckReport}, once. Repeating the same report returns the first response. */
  callback: z.object({ url: Url }),
});
export type CheckRequest = z.infer<typeof CheckRequest>;

/** The result of a requested check. It needs no digest, because the callback is for one artifact. */
export const CheckReport = z
  .strictObject({
    ...CheckBody.omit({ digest: true }).shape,
    summary: CheckBody.shape.summary.meta({ description: 'A summary of the result, for people.' }),
  })
  .meta({ id: 'CheckReport', description: 'The result of a requested check.' });
export type CheckReport = z.infer<typeof CheckReport>;
