import { Option } from 'commander';

import { ApiProblem } from '../failures.ts';

/**
 * Creates the option `--create-channel`. Without it, a publish to a channel that does not exist fails, so
 * that a typo does not create a channel.
 */
export function createChannelOption(): Option {
  return new Option('--create-channel', 'create the channel if the bundle does not have it');
}

/** If the API reports an unknown channel, adds the hint to repeat the command with `--create-channel`. */
export function hintAtCreating(error: unknown): void {
  if (error instanceof ApiProblem && error.problem.code === 'unknown_channel')
    error.hints.push('To create a new channel, repeat the command with --create-channel.');
}
