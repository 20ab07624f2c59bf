import { summaryOf } from '../../../core/releases/diagnostic.ts';
import type { ReleaseId } from '../../../core/identifiers.ts';
import type { Stages } from '../../../handlers/ports/deps.ts';
import type { StageTimes } from '../../../handlers/ports/stages.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import type { Database } from '../../postgres/database.ts';
import { recordCompiled, recordStage, storeArtifacts } from '../../postgres/releases/stages.ts';
import { unlessOverQuota } from './over-quota.ts';
import { type SourceCompiler, sourceCompiler } from './source-compiler.ts';

/**
 * The stages that build: the compiler between two calls of the store. A compilation depends on the source alone, so each step may
 * compile again after a crash and gets the same; while the process lives, the compiler remembers and does the work once.
 */
export function releaseStages(db: Database, compiler: Compiler): Stages {
  const sources = sourceCompiler(db, compiler);
  return {
    validate: (id, source, times) => validate(db, sources, id, source, times),
    async compile(id, source, validated, times) {
      const result = await sources.compile(id.tenant, source);
      if (result.kind === 'broken') return result;
      // The same source was valid a step ago, and a compilation depends on nothing else.
      if (result.kind === 'invalid')
        return { kind: 'broken', reason: summaryOf(result.diagnostics, result.truncated) };
      const recorded = await unlessOverQuota(recordCompiled(db, id, result.blobs, validated, times));
      if (typeof recorded === 'object') return { kind: 'invalid', summary: recorded.reason };
      if (!recorded) return { kind: 'closed' };
      const artifacts = result.artifacts.map(({ channel, digest }) => ({ channel, digest }));
      return { kind: 'compiled', artifacts };
    },
    store: (id, channel, compiled, times) => storeArtifacts(db, id, channel, compiled.artifacts, times),
  };
}

async function validate(
  db: Database,
  sources: SourceCompiler,
  id: ReleaseId,
  source: string,
  times: StageTimes,
): ReturnType<Stages['validate']> {
  const result = await sources.compileUnlessElsewhere(id, source);
  if (result.kind === 'broken') return result;
  if (result.kind === 'invalid') {
    const { diagnostics, truncated } = result;
    await recordStage(db, id, { ...times, stage: 'validate', state: 'failed', diagnostics });
    return { kind: 'invalid', summary: summaryOf(diagnostics, truncated) };
  }
  const span = { startedAt: times.startedAt, finishedAt: Date.now() };
  // What only the executor can know is its to say; that the source is stored, in whole, is known here.
  if (result.kind === 'elsewhere') return { kind: 'valid', ...span, executor: result.executor };
  return { kind: 'valid', ...span };
}
