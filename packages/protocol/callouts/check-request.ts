import { z } from 'zod';

import { CheckBody } from '../releases/gate-bodies.ts';
import { BundleName, ChannelName, Digest, TenantName, Version } from '../identifiers.ts';
import { requestLimits } from '../limits.ts';
import { httpUrl } from '../json/storable.ts';

/**
 * The request that Pointsman sends to the URL of a check, and the report that the check sends back. Pointsman
 * sends the request when a release reaches the gate of the check. The request must be kept as secret as a
 * token: its callback URL contains a capability, with which anyone can decide this gate of this release.
 */

/**
 * The version of the request format. It changes only if an older check would misinterpret the new format. A
 * new field, which a check may ignore, does not change it.
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
  /** The digest of the artifact that becomes live if the release passes. */
  digest: Digest,
  /**
   * The time until which the check may report. After it the callback URL returns 410, and the release is
   * rejected.
   */
  deadline: z.iso.datetime(),
  /**
   * The URL to which the check posts one {@link CheckReport}. Posting the same report again returns the first
   * response.
   */
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
