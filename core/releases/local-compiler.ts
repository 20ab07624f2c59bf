/**
 * The version of the local compiler's output, which is part of every cache key. Increase it when the output
 * for the same input changes. Every source is then compiled again.
 */
export const COMPILER_VERSION = 2;

/** The name under which the compilations of the local compiler are stored. */
export const LOCAL_EXECUTOR = `local/${COMPILER_VERSION}`;
