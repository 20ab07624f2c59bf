/**
 * Ends a test process that receives SIGTERM, because its run was stopped or took too long. A signal alone would not
 * emit `exit`. The servers of a test are ended on `exit`, so this module emits it. The test runner forbids
 * process.exit inside tests.
 */
function end(): void {
  process.emit('exit', 143);
  process.kill(process.pid, 'SIGKILL');
}

// This module runs once per test file, and a process runs several files. A module that it imports would run once, so it removes its own
// listeners by name.
for (const listener of process.listeners('SIGTERM'))
  if (listener.name === end.name) process.off('SIGTERM', listener);
process.once('SIGTERM', end);
