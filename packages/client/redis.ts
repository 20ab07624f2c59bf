export type { Log } from './log.ts';
export {
  redisBundleReader,
  type BundleRead,
  type CachedBundle,
  type RedisBundleReader,
} from './redis/bundle-reader.ts';
export type {
  ConsumerCounts,
  ConsumerTimings,
  MoveConsumerOptions,
  RejectedEntry,
  Rejection,
} from './redis/consumer-options.ts';
export { consumeMoves, type MoveConsumer } from './redis/move-consumer.ts';
export { tailMoves, type Tailed, type TailOptions } from './redis/move-tail.ts';
export type { SequenceLag } from './redis/sequence-lag.ts';
