import { Option } from 'commander';

import { ApiProblem } from '../failures.ts';

/**
 * The option `--create-channel`. A publish to a new channel requires it, so that a typo does not create a
 * channel.
 */
export function createChannelOption(): Option {
  return new Option('--create-channel', 'create the channel if the bundle does not have it');
}

/** Adds a hint to the error for an unknown channel. */
export function hintAtCreating(error: unknown): void {
  if (error instanceof ApiProblem && error.problem.code === 'unknown_channel')
    error.hints.push('To create a new channel, repeat the command with --create-channel.');
}
