import { pino, type Logger } from 'pino';

import { visibleControls } from '@pointsman/protocol/text/control-characters';

/**
 * The log of one process: one JSON object per line. JSON does not escape C1 and bidirectional control
 * characters; this log does.
 */
export function processLog(process: 'api' | 'worker', level: string): Logger {
  return pino({ level, base: { process }, hooks: { streamWrite: visibleControls } });
}
