/**
 * Ends a test process on SIGTERM, which it receives when its run was stopped or took too long. It emits `exit`, which a signal alone does
 * not emit. On `exit` the test process ends the servers that it started. The test runner forbids process.exit inside tests.
 */
process.once('SIGTERM', () => {
  process.emit('exit', 143);
  process.kill(process.pid, 'SIGKILL');
});
