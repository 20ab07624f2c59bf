/**
 * Ends a test process on SIGTERM, which it receives when its run was stopped or took too long. It emits `exit`, which a signal alone does
 * not emit. On `exit` the test process ends the servers that it started. The test runner forbids process.exit inside tests.
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
