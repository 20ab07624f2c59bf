/**
 * Ends a test process that receives SIGTERM, because its run was stopped or took too long. A signal alone would not
 * emit `exit`. The servers of a test are ended on `exit`, so this module emits it. The test runner forbids
 * process.exit inside tests.
 */
process.once('SIGTERM', () => {
  process.emit('exit', 143);
  process.kill(process.pid, 'SIGKILL');
});
