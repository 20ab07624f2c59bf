import { posix } from 'node:path';
import { artifactLimits } from '@pointsman/protocol/limits';
import { digestOf } from '@pointsman/protocol/digest';
import { compileDocument } from './compile-document.ts';
import type { CompileTools, DocumentFacts, DocumentJob } from './compile-document.ts';
import type { Ask, FileResponse } from '../process/compile-protocol.ts';
import { cacheEntryLimits } from '../limits.ts';
import { periodicYield } from '../orphaned-work.ts';

/**
 * Compiles documents, and returns the results in the order of the jobs. The result is null for a document with
 * errors. The result comes from the cache if the document was already compiled with the same content, schemas, patch
 * and reference patterns. The content of the document is then not read.
 */
export async function compileDocuments(
  jobs: readonly DocumentJob[],
  tools: CompileTools,
  ask: Ask,
): Promise<(DocumentFacts | null)[]> {
  const keyOf = keyMaker();
  const keys = jobs.map(keyOf);
  const given = await ask(
    jobs.map((job, index) => ({ key: keys[index] ?? null, digest: job.selected.entry.digest })),
  );
  const known = given.map(({ facts }) => (facts === null ? null : (JSON.parse(facts) as DocumentFacts)));
  const stale = await dropStale(known, tools);
  const fresh = stale.length === 0 ? [] : await ask(stale.map((index) => wantedOf(jobs[index])));
  const contents = new Map<number, FileResponse>(
    stale.map((index, nth) => [index, fresh[nth] as FileResponse]),
  );
  const compiled: (DocumentFacts | null)[] = [];
  const yieldIfDue = periodicYield();
  for (const [index, job] of jobs.entries()) {
    const facts = known[index];
    const content = (contents.get(index) ?? given[index])?.content;
    if (facts) compiled.push(tools.output.addCached(facts) ? facts : null);
    else if (!content)
      throw new Error(`the content of ${job.selected.entry.path} is missing from the response`);
    else compiled.push(await compileAndRemember(job, content, keys[index] ?? null, tools));
    if (tools.output.isFull()) {
      refuseTooMuch(job, tools);
      return jobs.map((_, nth) => compiled[nth] ?? null);
    }
    await yieldIfDue();
  }
  return compiled;
}

/**
 * Reports that the total output is too large, at the document or the patch that exceeds the limit. The remaining
 * documents are not compiled.
 */
function refuseTooMuch({ selected, patch }: DocumentJob, { found }: CompileTools): void {
  const message = `with this document the output of all channels exceeds ${artifactLimits.madeBytes} bytes`;
  if (patch) patch.refuse('', 'output_too_large', message);
  else {
    const { path } = selected.entry;
    found.add({ path, line: 1, column: 1, pointer: '', code: 'output_too_large', message });
  }
}

function wantedOf(job: DocumentJob | undefined): { key: null; digest: string } {
  return { key: null, digest: job?.selected.entry.digest ?? '' };
}

async function compileAndRemember(
  job: DocumentJob,
  content: Uint8Array,
  key: string | null,
  tools: CompileTools,
): Promise<DocumentFacts | null> {
  const facts = await compileDocument(job, content, tools);
  if (facts && key !== null && charsOf(facts) <= cacheEntryLimits.factsChars)
    tools.output.cache({ key, facts: JSON.stringify(facts), digest: facts.digest });
  return facts;
}

/**
 * Returns the number of characters of the reference values in the cached data of a document. The other parts of this
 * data have their own size limits. The characters are counted before serialization, because the JSON could exceed the
 * maximum length of a JavaScript string.
 */
function charsOf({ values }: DocumentFacts): number {
  let chars = 0;
  for (const found of Object.values(values))
    for (const [pointer, text] of found) chars += pointer.length + (text?.length ?? 0);
  return chars;
}

/**
 * Discards the cached data of documents whose own schema (`$schema`) has changed, and returns the indexes of these
 * documents. The cache key can't contain this schema, because the key is computed before the document is read.
 */
async function dropStale(known: (DocumentFacts | null)[], { schemas }: CompileTools): Promise<number[]> {
  const stale: number[] = [];
  for (const [index, facts] of known.entries()) {
    if (!facts?.own) continue;
    const now = await schemas.byPath(facts.own.name);
    if (now?.digest === facts.own.digest) continue;
    known[index] = null;
    stale.push(index);
  }
  return stale;
}

/**
 * Returns a function that computes the cache key of a job. The key covers everything that affects the result of the
 * job, except the version of the compiler. That version is constant in a process, and stored next to the key. Many jobs
 * have the same schemas and patterns, so each combination of them is hashed only once.
 */
function keyMaker(): (job: DocumentJob) => string | null {
  const rules = new Map<string, string>();
  return ({ selected, schemas, patterns, patch }) => {
    if (!schemas) return null;
    const folder = schemas.length === 0 ? posix.dirname(selected.entry.path) : '';
    const names = schemas.map((schema) => schema.digest);
    const spelled = JSON.stringify([selected.format, names, patterns, patch?.digest, folder]);
    const rule = rules.get(spelled) ?? digestOf(spelled);
    rules.set(spelled, rule);
    return `${rule}/${selected.entry.digest}`;
  };
}
