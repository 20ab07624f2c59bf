import { summaryOf } from '@pointsman/protocol/releases/diagnostic';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Stages, StageTimes } from '../../../handlers/ports/stages.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import type { Database } from '../../postgres/database.ts';
import { recordCompiled, recordStage, storeArtifacts } from '../../postgres/releases/stages.ts';
import { catchOverQuota } from './over-quota.ts';
import { type SourceCompiler, sourceCompiler } from './source-compiler.ts';

/**
 * Creates the stages that compile a source and store its artifacts. The result of a compilation depends only on the
 * source, so a step that is repeated after a crash has the same result. Within one process, the compiler caches the
 * result for the later stages.
 */
export function releaseStages(db: Database, compiler: Compiler): Stages {
  const sources = sourceCompiler(db, compiler);
  return {
    validate: (id, source, times) => validate(db, sources, id, source, times),
    async compile(id, source, validated, times) {
      const result = await sources.compile(id.tenant, source);
      if (result.kind === 'broken') return result;
      // This result is unexpected, because the stage `validate` has compiled the same source successfully.
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
  // If an external compiler compiles the source, this stage only checks that the source is stored.
  if (result.kind === 'elsewhere') return { kind: 'valid', ...span, executor: result.executor };
  return { kind: 'valid', ...span };
}
