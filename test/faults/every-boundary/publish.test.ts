import { aPublish } from './flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aPublish]);
