/**
 * A test process that is told to end, because its run was stopped or took too long, ends as if by itself: what it started is ended
 * on `exit`, which a signal alone skips. The runner forbids process.exit inside of tests, so this does what it would.
 */
process.once('SIGTERM', () => {
  process.emit('exit', 143);
  process.kill(process.pid, 'SIGKILL');
});
