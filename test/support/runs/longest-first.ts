import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest. Started last, each would run alone at the end, while a processor is idle. Two files that compute follow each
 * file that waits, because files of one kind at the same time would leave a processor idle or share it.
 */
const LONGEST = [
  'releases/celery-misbehaves',
  'packages/packages',
  'every-boundary/publish',
  'gates/asked-checks',
  'stack/stack',
  'releases/compile-pool',
  'gates/policy-rules',
  'sinks/sinks-broker-freeze',
  'http/fuzz',
  'releases/remote-compile',
  'releases/compile-process',
  'http/api-hostile-values',
  'http/api-stores-down',
  'cli/ci-examples',
  'stack/demo',
  'releases/celery-compile',
  'http/neighbour-waiting',
  'conformance/celery-queue',
  'hooks/hooks-outages',
  'stack/tutorial',
  'releases/callbacks',
  'followers/follower',
  'sinks/sinks',
  'rabbitmq/rabbitmq-outages',
  'releases/celery',
  'http/neighbour-bodies',
].map((name) => `/${name}.test.ts`);

/** Runs the longest files first, and then the other files in the order of their paths. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve(
      files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId)),
    );
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((ending) => moduleId.endsWith(ending));
  return place === -1 ? LONGEST.length : place;
}
