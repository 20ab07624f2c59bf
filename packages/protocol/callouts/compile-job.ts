import { z } from 'zod';

import { BundleName, ChannelName, Digest, TenantName, Version } from '../identifiers.ts';
import { documentLimits, requestLimits } from '../limits.ts';
import { httpUrl } from '../json/storable.ts';
import { plainText } from '../text/free-text.ts';

/**
 * The job that Pointsman sends to an outside compiler, and the compiler's report. Both have the same format
 * over a broker and over HTTP. The job contains only URLs: the compiler fetches the source from `source`,
 * uploads blobs to `upload`, and posts its report to `callback`. Each URL contains a capability for this one
 * attempt, so keep the job as secret as a token.
 */

/**
 * The version of the job format. It changes only for changes that an older compiler would misinterpret, and
 * not for a new field that a compiler may ignore.
 */
export const COMPILE_CONTRACT = 'pointsman.compile/v1';

const Url = httpUrl(requestLimits.urlChars);

export const CompileJob = z.object({
  contract: z.literal(COMPILE_CONTRACT),
  correlationId: z.string(),
  tenant: TenantName,
  bundle: BundleName,
  version: Version,
  channel: ChannelName,
  /** The number of the attempt, starting at 1. Each attempt has its own capability. */
  attempt: z.number().int().min(1),
  /** After the deadline, every URL of the job returns 410. */
  deadline: z.iso.datetime(),
  /**
   * GET on the URL returns a tar.gz. The digest identifies the tree in the archive, not the archive itself.
   */
  source: z.object({ url: Url, digest: Digest }),
  /** PUT `<url>/<digest>`, with the blob's media type as Content-Type. Idempotent. */
  upload: z.object({ url: Url }),
  /** POST a {@link CompileReport}, once. Repeating the same report returns the first response. */
  callback: z.object({ url: Url }),
});
export type CompileJob = z.infer<typeof CompileJob>;

/** The largest number of artifacts in a report: the base artifact, and one for each channel. */
const MOST_ARTIFACTS = requestLimits.channelsPerBundle + 1;

const CompiledArtifact = z.strictObject({
  /** Null for the base artifact, which is used for every channel without its own artifact. */
  channel: ChannelName.nullable(),
  /**
   * The digest of the OCI manifest. The compiler uploads the manifest and its blobs before it posts the
   * report.
   */
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
      'a channel can have only one artifact',
    )
    .refine(
      (artifacts) => artifacts.some(({ channel }) => channel === null),
      'the base artifact (channel: null) is missing: without it the release cannot be promoted',
    ),
});

/** The source is invalid and its author can fix it: the release is rejected. */
const InvalidReport = z.strictObject({
  status: z.literal('invalid'),
  diagnostics: z
    .array(
      z.strictObject({
        path: plainText(documentLimits.textChars),
        line: z.number().int().min(1),
        column: z.number().int().min(1),
        pointer: plainText(documentLimits.textChars),
        code: plainText(documentLimits.textChars),
        message: plainText(documentLimits.textChars),
      }),
    )
    .min(1)
    .max(documentLimits.diagnostics),
});

/** The compiler failed for a reason other than the source. */
const FailedReport = z.strictObject({
  status: z.literal('failed'),
  message: plainText(requestLimits.textChars),
});

export const CompileReport = z
  .discriminatedUnion('status', [CompiledReport, InvalidReport, FailedReport])
  .meta({ id: 'CompileReport', description: 'The final report of a compiler for one job.' });
export type CompileReport = z.infer<typeof CompileReport>;
