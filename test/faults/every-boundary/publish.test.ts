import { aPublish } from '../../support/flows/flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aPublish]);
