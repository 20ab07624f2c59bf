/** With these settings, Restate suspends a handler after each step and replays it for the next step. That exposes nondeterministic code. */
export const REPLAYING: Readonly<Record<string, string>> = {
  RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: '0s',
};

/** The settings of every Restate. They are {@link REPLAYING} in the replay run, which is one of the deep tests. */
export const replaySettings: Readonly<Record<string, string>> =
  process.env['POINTSMAN_TEST_REPLAY'] === '1' ? REPLAYING : {};
