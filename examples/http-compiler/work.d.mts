import type { CompileJob } from '../../core/compile-job.ts';

/** Compiles, uploads and calls back. Never rejects; says in words what became of the job. */
export function work(job: CompileJob): Promise<string>;
