import type { ReleaseId } from '../../core/identifiers.ts';
import type { StageTimes, Stages } from '../../handlers/deps.ts';
import type { CompileResult, Compiler } from '../compiler/compiler.ts';
import type { Database } from '../postgres/database.ts';
import { recordCompiled, recordStage, storeArtifacts } from '../postgres/stages.ts';
import { type CompileSource, sourceCompiler } from './source-compiler.ts';

/**
 * The stages that build: the compiler between two calls of the store. A compilation depends on the source alone, so each step may
 * compile again after a crash and gets the same; while the process lives, the compiler remembers and does the work once.
 */
export function releaseStages(db: Database, compiler: Compiler): Stages {
  const compile = sourceCompiler(db, compiler);
  return {
    validate: (id, source, times) => validate(db, compile, id, source, times),
    async compile(id, source, validated, times) {
      const result = await compile(id.tenant, source);
      if (result.kind === 'broken') return result;
      // The same source was valid a step ago, and a compilation depends on nothing else.
      if (result.kind === 'invalid') return { kind: 'broken', reason: summary(result) };
      const recorded = await recordCompiled(db, id, result.blobs, validated, times);
      if (!recorded) return { kind: 'closed' };
      const artifacts = result.artifacts.map(({ channel, digest }) => ({ channel, digest }));
      return { kind: 'compiled', artifacts };
    },
    store: (id, channel, compiled, times) => storeArtifacts(db, id, channel, compiled.artifacts, times),
  };
}

async function validate(
  db: Database,
  compile: CompileSource,
  id: ReleaseId,
  source: string,
  times: StageTimes,
): ReturnType<Stages['validate']> {
  const result = await compile(id.tenant, source);
  if (result.kind === 'broken') return result;
  if (result.kind === 'compiled') {
    return { kind: 'valid', startedAt: times.startedAt, finishedAt: Date.now() };
  }
  const { diagnostics } = result;
  await recordStage(db, id, { ...times, stage: 'validate', state: 'failed', diagnostics });
  return { kind: 'invalid', summary: summary(result) };
}

type Invalid = Extract<CompileResult, { kind: 'invalid' }>;

function summary({ diagnostics, truncated }: Invalid): string {
  const [first] = diagnostics;
  if (!first) return 'the source is not valid';
  const count = `${diagnostics.length}${truncated ? ' or more' : ''}`;
  const place = `${first.path}:${first.line}:${first.column}: ${first.message}`;
  return diagnostics.length === 1 ? place : `${place} (and others: ${count} problems)`;
}
