import { anErrand } from './asked-flow.ts';
import { aPush } from './pushed-flow.ts';
import { aDelivery } from './sink-flow.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([anErrand, aPush, aDelivery]);
