import { z } from 'zod';

import { Conclusion } from '../releases/gate.ts';
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

export const CheckReport = z
  .strictObject({
    conclusion: Conclusion,
    summary: z
      .string()
      .min(1)
      .max(requestLimits.textChars)
      // oxlint-disable-next-line no-control-regex -- control characters are exactly what is being refused
      .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must not contain control characters')
      .refine((value) => value.isWellFormed(), 'must be valid Unicode')
      .optional()
      .meta({ description: 'A summary of the result, for people.' }),
    url: Url.optional().meta({ description: 'A link to the full result.' }),
  })
  .meta({ id: 'CheckReport', description: 'The result of a requested check.' });
export type CheckReport = z.infer<typeof CheckReport>;
