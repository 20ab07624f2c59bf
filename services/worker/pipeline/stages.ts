import { summaryOf } from '@pointsman/protocol/releases/diagnostic';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Stages, StageTimes } from '../../../handlers/ports/stages.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import type { Database } from '../../postgres/database.ts';
import { recordCompiled, recordStage, storeArtifacts } from '../../postgres/releases/stages.ts';
import { catchOverQuota } from './over-quota.ts';
import { type SourceCompiler, sourceCompiler } from './source-compiler.ts';

/**
 * The stages that compile and store an artifact. A compilation depends only on the source, so a step that runs again
 * after a crash has the same result. While the process runs, the compiler caches the result.
 */
export function releaseStages(db: Database, compiler: Compiler): Stages {
  const sources = sourceCompiler(db, compiler);
  return {
    validate: (id, source, times) => validate(db, sources, id, source, times),
    async compile(id, source, validated, times) {
      const result = await sources.compile(id.tenant, source);
      if (result.kind === 'broken') return result;
      // The previous step found this source valid, and a compilation depends only on the source, so this result is
      // unexpected.
      if (result.kind === 'invalid')
        return { kind: 'broken', reason: summaryOf(result.diagnostics, result.truncated) };
      const recorded = await catchOverQuota(recordCompiled(db, id, result.blobs, validated, times));
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
  const result = await sources.compileUnlessRemote(id, source);
  if (result.kind === 'broken') return result;
  if (result.kind === 'invalid') {
    const { diagnostics, truncated } = result;
    await recordStage(db, id, { ...times, stage: 'validate', state: 'failed', diagnostics });
    return { kind: 'invalid', summary: summaryOf(diagnostics, truncated) };
  }
  const span = { startedAt: times.startedAt, finishedAt: Date.now() };
  // Only the presence of the whole source is checked here. The external compiler validates the rest.
  if (result.kind === 'elsewhere') return { kind: 'valid', ...span, executor: result.executor };
  return { kind: 'valid', ...span };
}
