#!/bin/sh
# Starts the bundler with bounds that the kernel keeps: memory in KiB, processor time in seconds, and no core file. What it writes when it
# crashes is of no use to anybody and would fill the log. A platform that lacks one of the bounds goes on without it.
ulimit -c 0 2>/dev/null
ulimit -d "$POINTSMAN_BUNDLER_KIB" 2>/dev/null
ulimit -t "$POINTSMAN_BUNDLER_SECONDS" 2>/dev/null
exec "$POINTSMAN_BUNDLER" "$@" 2>/dev/null
