import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, in this order, because of the times that they wait for. Started last, each would run alone at the end, while
 * a processor is idle.
 */
const LONGEST = [
  'releases/celery-misbehaves',
  'gates/asked-checks',
  'sinks/sinks-broker-freeze',
  'every-boundary/publish',
  'packages/packages',
  'releases/remote-compile',
  'gates/policy-rules',
  'releases/celery-compile',
  'releases/compile-pool',
  'hooks/hooks-outages',
  'followers/follower',
  'stack/stack',
  'rabbitmq/rabbitmq-outages',
  'releases/celery',
  'http/neighbour-bodies',
  'sinks/sinks',
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
