import { pino, type Logger } from 'pino';

import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * Creates the log of one process. It writes one JSON object per line. It also escapes C1 and bidirectional control
 * characters, which JSON encoders do not escape.
 */
export function processLog(process: 'api' | 'worker', level: string): Logger {
  return pino({ level, base: { process }, hooks: { streamWrite: visibleControls } });
}
