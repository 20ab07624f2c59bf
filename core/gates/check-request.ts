import { z } from 'zod';

import { Conclusion } from './gate.ts';
import { BundleName, ChannelName, Digest, TenantName, Version } from '../identifiers.ts';
import { gateLimits, httpLimits } from '../limits/limits.ts';
import { httpUrl } from '../json/storable.ts';

/**
 * What is posted to a check's URL when a release comes to its gate, and what is posted back. The callback's address holds a capability for
 * this one gate of this one release, so that a request is to be kept as secret as a token.
 */

/** Rises when a check that knows only this would do the wrong thing; a field that it may ignore is added without that. */
export const CHECK_CONTRACT = 'pointsman.check/v1';

const Url = httpUrl(gateLimits.urlChars);

export const CheckRequest = z.object({
  contract: z.literal(CHECK_CONTRACT),
  correlationId: z.string(),
  tenant: TenantName,
  bundle: BundleName,
  version: Version,
  channel: ChannelName,
  /** The gate's name. */
  check: z.string(),
  /** Of the artifact that would become live. */
  digest: Digest,
  /** After it the callback answers 410, and the release is rejected. */
  deadline: z.iso.datetime(),
  /** POST a {@link CheckReport}, once; the same one again is answered as the first was. */
  callback: z.object({ url: Url }),
});
export type CheckRequest = z.infer<typeof CheckRequest>;

export const CheckReport = z
  .strictObject({
    conclusion: Conclusion,
    summary: z
      .string()
      .min(1)
      .max(httpLimits.textChars)
      // oxlint-disable-next-line no-control-regex -- control characters are exactly what is being refused
      .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must be text without control characters')
      .refine((value) => value.isWellFormed(), 'must be valid Unicode')
      .optional()
      .meta({ description: 'For people: what was found.' }),
    url: Url.optional().meta({ description: 'Where more is to be read.' }),
  })
  .meta({ id: 'CheckReport', description: 'The word of an asked check.' });
export type CheckReport = z.infer<typeof CheckReport>;
