import { z } from 'zod';

import { BundleName, ChannelName, Digest, TenantName, Version } from './identifiers.ts';
import { documentLimits, gateLimits, httpLimits, tenantLimits } from './limits/limits.ts';
import { httpUrl } from './json/storable.ts';

/**
 * What a compiler of somebody else's is asked, over a broker or HTTP alike, and what it answers. Only addresses travel: the source is
 * fetched from `source`, what is made of it is put to `upload`, and the last word goes to `callback`. Each address holds a capability
 * for this one attempt, so that a job is to be kept as secret as a token.
 */

/** Rises when a compiler that knows only this would do the wrong thing; a field that it may ignore is added without that. */
export const COMPILE_CONTRACT = 'pointsman.compile/v1';

const Url = httpUrl(gateLimits.urlChars);

export const CompileJob = z.object({
  contract: z.literal(COMPILE_CONTRACT),
  correlationId: z.string(),
  tenant: TenantName,
  bundle: BundleName,
  version: Version,
  channel: ChannelName,
  /** Counts from 1. The capability is another one in each. */
  attempt: z.number().int().min(1),
  /** After it nothing is taken any more: every address of the job answers 410. */
  deadline: z.iso.datetime(),
  /** GET gives a tar.gz. The digest is that of the tree that is in it, not of the archive. */
  source: z.object({ url: Url, digest: Digest }),
  /** PUT `<url>/<digest>`, with the blob's media type as its Content-Type. Repeating one is harmless. */
  upload: z.object({ url: Url }),
  /** POST a {@link CompileReport}, once; the same one again is answered as the first was. */
  callback: z.object({ url: Url }),
});
export type CompileJob = z.infer<typeof CompileJob>;

/** The base, and one for each channel. */
const MOST_ARTIFACTS = tenantLimits.channelsPerBundle + 1;

const CompiledArtifact = z.strictObject({
  /** Null for the base: what every channel without an artifact of its own gets. */
  channel: ChannelName.nullable(),
  /** Of the OCI manifest, which is uploaded with all that it names before this is said. */
  digest: Digest,
});

const CompiledReport = z.strictObject({
  status: z.literal('compiled'),
  artifacts: z
    .array(CompiledArtifact)
    .min(1)
    .max(MOST_ARTIFACTS)
    .refine(
      (artifacts) => new Set(artifacts.map(({ channel }) => channel)).size === artifacts.length,
      'a channel has one artifact',
    )
    .refine(
      (artifacts) => artifacts.some(({ channel }) => channel === null),
      'the base, whose channel is null, must be there: a release without it cannot be promoted',
    ),
});

/** The source is wrong, and whoever wrote it can mend it: the release is rejected. */
const InvalidReport = z.strictObject({
  status: z.literal('invalid'),
  diagnostics: z
    .array(
      z.strictObject({
        path: text(documentLimits.textChars),
        line: z.number().int().min(1),
        column: z.number().int().min(1),
        pointer: text(documentLimits.textChars),
        code: text(documentLimits.textChars),
        message: text(documentLimits.textChars),
      }),
    )
    .min(1)
    .max(documentLimits.diagnostics),
});

/** The compiler could not do it, for a reason that is not the source's. */
const FailedReport = z.strictObject({ status: z.literal('failed'), message: text(httpLimits.textChars) });

export const CompileReport = z
  .discriminatedUnion('status', [CompiledReport, InvalidReport, FailedReport])
  .meta({ id: 'CompileReport', description: 'The last word of a compiler on one job.' });
export type CompileReport = z.infer<typeof CompileReport>;

/** Control characters would be executed by somebody's terminal; PostgreSQL takes neither NUL nor half a surrogate pair. */
function text(maxChars: number) {
  return (
    z
      .string()
      .max(maxChars)
      // oxlint-disable-next-line no-control-regex -- control characters are exactly what is being refused
      .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$/, 'must be text without control characters')
      .refine((value) => value.isWellFormed(), 'must be valid Unicode')
  );
}
