import { z } from 'zod';

import { BundleName, ChannelName, Digest, TenantName, Version } from '../identifiers.ts';
import { documentLimits, requestLimits } from '../limits.ts';
import { httpUrl } from '../json/storable.ts';
import { plainText } from '../text/free-text.ts';

/**
 * The job that Pointsman sends to an external compiler, and the report that the compiler sends back. Their
 * format is the same over a broker and over HTTP.
 *
 * The job contains only URLs: the compiler fetches the source from `source`, uploads blobs to `upload`, and
 * posts its report to `callback`. The job must be kept as secret as a token: each URL contains a capability,
 * which grants access for this compile attempt.
 */

/**
 * The version of the job format. It changes only if an older compiler would misinterpret the new format. A
 * new field, which a compiler may ignore, does not change it.
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
  /** The number of the compile attempt, starting at 1. Each attempt has its own URLs. */
  attempt: z.number().int().min(1),
  /** The end of the attempt. After it every URL of the job returns 410. */
  deadline: z.iso.datetime(),
  /**
   * The source. GET on `url` returns a tar.gz. `digest` is the content address of the files in the archive,
   * not the digest of the archive.
   */
  source: z.object({ url: Url, digest: Digest }),
  /**
   * The URL for uploads. The compiler sends each blob with PUT to `<url>/<digest>`, with the media type of
   * the blob as Content-Type. A repeated upload has no effect.
   */
  upload: z.object({ url: Url }),
  /**
   * The URL to which the compiler posts one {@link CompileReport}. Posting the same report again returns the
   * first response.
   */
  callback: z.object({ url: Url }),
});
export type CompileJob = z.infer<typeof CompileJob>;

/** The maximum number of artifacts in one report: the base artifact, and one for each channel. */
const MOST_ARTIFACTS = requestLimits.channelsPerBundle + 1;

const CompiledArtifact = z.strictObject({
  /**
   * The channel of the artifact. Null for the base artifact, which is used for every channel without its own
   * artifact.
   */
  channel: ChannelName.nullable(),
  /**
   * The digest of the artifact's OCI manifest. The compiler must upload the manifest and all its blobs before
   * it posts the report.
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

/** The source is invalid, and its author can fix it. The release is rejected. */
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
