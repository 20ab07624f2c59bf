/**
 * `npm test` runs the integration tests twice. In the second run Restate suspends a handler after each step
 * and replays it for the next, which shows code that is not deterministic. Every Restate of a test is started
 * with these settings.
 */
export const replaySettings: Readonly<Record<string, string>> =
  process.env['POINTSMAN_TEST_REPLAY'] === '1' ? { RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '0s' } : {};
