import { Option } from 'commander';

import { ApiProblem } from '../failures.ts';

/** `--create-channel`: a channel that is only misspelt must not be made. */
export function createChannelOption(): Option {
  return new Option('--create-channel', 'make the channel where the bundle does not have it');
}

/** Adds what to do to the refusal of a channel that the bundle does not have. */
export function hintAtCreating(error: unknown): void {
  if (error instanceof ApiProblem && error.problem.code === 'unknown_channel')
    error.hints.push('If it is to be a new channel, repeat the command with --create-channel.');
}
