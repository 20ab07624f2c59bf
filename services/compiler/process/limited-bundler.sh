#!/bin/sh
# Starts the bundler with limits that the kernel enforces: memory in KiB, CPU time in seconds, and no core file. Discards the bundler's
# error output, because a crash would fill the log. A platform that lacks one of the limits ignores it.
ulimit -c 0 2>/dev/null
ulimit -d "$POINTSMAN_BUNDLER_KIB" 2>/dev/null
ulimit -t "$POINTSMAN_BUNDLER_SECONDS" 2>/dev/null
exec "$POINTSMAN_BUNDLER" "$@" 2>/dev/null
