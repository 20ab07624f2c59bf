/**
 * Ends a test process that receives SIGTERM, because its run was stopped or took too long. A signal alone would not
 * emit `exit`. The servers of a test are ended on `exit`, so this function emits it. The test runner forbids
 * process.exit inside tests.
 */
function endTestProcess(): void {
  process.emit('exit', 143);
  process.kill(process.pid, 'SIGKILL');
}

// Vitest runs this module again for each test file of the process.
if (!process.listeners('SIGTERM').some(({ name }) => name === endTestProcess.name))
  process.once('SIGTERM', endTestProcess);
