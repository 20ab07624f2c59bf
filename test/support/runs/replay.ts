/**
 * `npm test` runs the integration tests twice. In the second run Restate suspends a handler after each step and replays it for the next
 * step, which exposes nondeterministic code. Every Restate that a test starts has these settings.
 */
export const replaySettings: Readonly<Record<string, string>> =
  process.env['POINTSMAN_TEST_REPLAY'] === '1' ? { RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '0s' } : {};
