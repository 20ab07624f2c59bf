import { aLine, aPublish, aRefusal, aRollback } from './flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aPublish, aLine, aRefusal, aRollback]);
