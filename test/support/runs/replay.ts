/**
 * The settings of the replay run. `npm test` runs some integration tests a second time with these settings. Restate
 * then suspends a handler after each step and replays it for the next step, which exposes nondeterministic code.
 */
export const replaySettings: Readonly<Record<string, string>> =
  process.env['POINTSMAN_TEST_REPLAY'] === '1' ? { RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '0s' } : {};
