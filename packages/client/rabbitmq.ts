export type { Log } from './log.ts';
export type { MoveHandler } from './rabbitmq/apply-move.ts';
export { consumeMoves, type MoveConsumer, type MoveConsumerOptions } from './rabbitmq/move-consumer.ts';
export { MoveBinding } from './rabbitmq/move-binding.ts';
export type { FetchedPointer, Missed } from './rabbitmq/move-progress.ts';
export { tailMoves, type TailedMove } from './rabbitmq/move-tail.ts';
