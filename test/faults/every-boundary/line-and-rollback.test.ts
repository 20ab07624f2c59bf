import { aLine, aRefusal, aRollback } from '../../support/flows/flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aLine, aRefusal, aRollback]);
