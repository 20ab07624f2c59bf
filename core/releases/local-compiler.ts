/**
 * The version of the local compiler's output, which is stored with every result. Increase it when the output
 * for the same input changes. Every source is then compiled again.
 */
const COMPILER_VERSION = 2;

/** The name under which the compilations of the local compiler are stored. */
export const LOCAL_EXECUTOR = `local/${COMPILER_VERSION}`;
