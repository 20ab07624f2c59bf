import { pino, type Logger } from 'pino';

import { visibleControls } from '../../core/control-characters.ts';

/** The log of one process: a JSON object a line. JSON leaves C1 and bidirectional controls as they are; here they are escaped too. */
export function processLog(process: 'api' | 'worker', level: string): Logger {
  return pino({ level, base: { process }, hooks: { streamWrite: visibleControls } });
}
