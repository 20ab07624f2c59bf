import { summaryOf } from '@pointsman/protocol/releases/diagnostic';
import type { ReleaseId } from '@pointsman/protocol/identifiers';
import type { Preparation, Stages, StageTimes } from '../../../handlers/ports/stages.ts';
import type { Compiler } from '../../compiler/compiler.ts';
import type { Database } from '../../postgres/database.ts';
import { prepareRelease, recordStage } from '../../postgres/releases/stages.ts';
import { compileStored } from './compile-stored.ts';

/** Creates the stages that prepare a release for its gates or its swap. */
export function releaseStages(db: Database, compiler: Compiler): Stages {
  return {
    async prepare(id, { channel, source }, times) {
      const prepared = await prepareRelease(db, id, channel, times);
      if (prepared.kind !== 'not_compiled') return prepared;
      const failure = await compile(db, compiler, id, source, times);
      if (failure !== null) return failure;
      const again = await prepareRelease(db, id, channel, times);
      if (again.kind === 'not_compiled') throw new Error(`the compilation of ${source} was not stored`);
      return again;
    },
  };
}

/** Compiles the source of a release and stores the compilation. Returns null if that succeeded. */
async function compile(
  db: Database,
  compiler: Compiler,
  id: ReleaseId,
  source: string,
  times: StageTimes,
): Promise<Extract<Preparation, { kind: 'invalid' | 'broken' }> | null> {
  const result = await compileStored(db, compiler, id.tenant, source);
  switch (result.kind) {
    case 'stored':
      return null;
    case 'invalid': {
      const { diagnostics, truncated } = result;
      await recordStage(db, id, { ...times, stage: 'validate', state: 'failed', diagnostics });
      return { kind: 'invalid', summary: summaryOf(diagnostics, truncated) };
    }
    case 'over_quota':
      return { kind: 'invalid', summary: result.reason };
    case 'broken':
      return { kind: 'broken', stage: 'compile', reason: result.reason };
  }
}
