import { posix } from 'node:path';
import { artifactLimits } from '@pointsman/protocol/limits';
import { digestOf } from '@pointsman/protocol/digest';
import {
  compileDocument,
  type CompileTools,
  type DocumentFacts,
  type DocumentJob,
} from './compile-document.ts';
import { COMPILER_VERSION, type Ask, type Given } from '../process/compile-protocol.ts';
import { memoryLimits } from '../limits.ts';
import { breather } from '../orphaned-work.ts';

/**
 * Compiles documents, in the order of the jobs; null for one with problems. What was compiled before with the same content, schemas,
 * patch and patterns is taken over: its content does not even reach this process.
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
  const contents = new Map<number, Given>(stale.map((index, nth) => [index, fresh[nth] as Given]));
  const compiled: (DocumentFacts | null)[] = [];
  const breathe = breather();
  for (const [index, job] of jobs.entries()) {
    const facts = known[index];
    const content = (contents.get(index) ?? given[index])?.content;
    if (facts) compiled.push(tools.making.takeOver(facts) ? facts : null);
    else if (!content) throw new Error(`${job.selected.entry.path} was asked for and not given`);
    else compiled.push(await compileAndRemember(job, content, keys[index] ?? null, tools));
    if (tools.making.isFull()) {
      refuseTooMuch(job, tools);
      return jobs.map((_, nth) => compiled[nth] ?? null);
    }
    await breathe();
  }
  return compiled;
}

/** At the document that does not fit, or at its patch. What comes after it is not compiled. */
function refuseTooMuch({ selected, patch }: DocumentJob, { found }: CompileTools): void {
  const message = `up to this document the source compiles to more than ${artifactLimits.madeBytes} bytes, for all channels together`;
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
  if (facts && key !== null && charsOf(facts) <= memoryLimits.factsChars)
    tools.making.remember({ key, facts: JSON.stringify(facts), digest: facts.digest });
  return facts;
}

/** Of its references, which are all that a source makes long. Counted before they are one text: a text has a largest length. */
function charsOf({ values }: DocumentFacts): number {
  let chars = 0;
  for (const found of Object.values(values))
    for (const [pointer, text] of found) chars += pointer.length + (text?.length ?? 0);
  return chars;
}

/**
 * A document that names its own schema says so only in its content, so that the schema cannot be part of its key. Whether the schema
 * is still the same is asked here; where it is not, the facts are taken out of the list and the index is returned.
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

/** A key says everything that decides about the result. Jobs share few sets of rules, so that those are digested once each. */
function keyMaker(): (job: DocumentJob) => string | null {
  const rules = new Map<string, string>();
  return ({ selected, schemas, patterns, patch }) => {
    if (!schemas) return null;
    const folder = schemas.length === 0 ? posix.dirname(selected.entry.path) : '';
    const names = schemas.map((schema) => schema.digest);
    const spelled = JSON.stringify([
      COMPILER_VERSION,
      selected.format,
      names,
      patterns,
      patch?.digest,
      folder,
    ]);
    const rule = rules.get(spelled) ?? digestOf(spelled);
    rules.set(spelled, rule);
    return `${rule}/${selected.entry.digest}`;
  };
}
