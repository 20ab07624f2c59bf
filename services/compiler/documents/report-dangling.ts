import type { ChannelDocument, ChannelDocuments } from './compile-document.ts';
import type { Findings } from '../findings.ts';
import { childOf, pointerSteps } from '../parse/json-pointer.ts';
import type { Json } from '@pointsman/protocol/json/canonical-json';
import { parseDocument, type ParsedDocument } from '../parse/parse-document.ts';
import { danglingReferences, type Dangling, type Reference } from './references.ts';
import type { SourceFiles } from '../source-files.ts';

/**
 * Checks the references in the artifact of every channel. A reference that is invalid in several channels is reported
 * once. To report the position of a value, its document is parsed again, because a document from the cache was not
 * parsed in this compilation.
 * @param otherPaths the paths of all modules and assets, including modules with errors
 */
export async function reportDangling(
  references: readonly Reference[],
  channels: readonly ChannelDocuments[],
  otherPaths: readonly string[],
  files: SourceFiles,
  found: Findings,
): Promise<void> {
  const reported = new Set<string>();
  const reporter: Reporter = { parsed: new Map(), files, found };
  for (const { channel, documents, faulty } of channels) {
    const byPath = new Map(documents.map((document) => [document.path, document]));
    const referring = documents.map(({ path, facts }) => ({ path, values: facts.values }));
    const paths = [...byPath.keys(), ...otherPaths];
    for (const dangling of danglingReferences(references, referring, { paths, faulty })) {
      const name = JSON.stringify(dangling);
      const document = byPath.get(dangling.path);
      if (reported.has(name) || !document) continue;
      reported.add(name);
      await report(dangling, channel, document, reporter);
    }
  }
}

interface Reporter {
  readonly parsed: Map<string, ParsedDocument>;
  readonly files: SourceFiles;
  readonly found: Findings;
}

async function report(
  { path, pointer, code, message }: Dangling,
  channel: string | null,
  { job }: ChannelDocument,
  { parsed, files, found }: Reporter,
): Promise<void> {
  if (job.patch && reaches(job.patch.value, pointer)) {
    job.patch.refuse(pointer, code, message);
    return;
  }
  await files.read([path]);
  const document = parsed.get(path) ?? parseDocument(path, job.selected.format, files.contentOf(path));
  parsed.set(path, document);
  const where = channel === null ? '' : ` (in channel ${channel})`;
  found.add(document.diagnose({ pointer, code, message: message + where, offset: null }));
}

/**
 * Whether the value at the pointer comes from the patch. A patch replaces whole lists, so values inside a list of the
 * patch count too.
 */
function reaches(patch: Json, pointer: string): boolean {
  let inside: Json | undefined = patch;
  for (const step of pointerSteps(pointer) ?? []) {
    inside = childOf(inside, step);
    if (inside === undefined) return false;
  }
  return true;
}
