import { aCallout } from '../../support/flows/asked-flow.ts';
import { aPush } from '../../support/flows/pushed-flow.ts';
import { aDelivery } from '../../support/flows/sink-flow.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([aCallout, aPush, aDelivery]);
