import { aCallout } from './asked-flow.ts';
import { aPush } from './pushed-flow.ts';
import { aDelivery } from './sink-flow.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aCallout, aPush, aDelivery]);
