import { anApproval } from '../../support/flows/flows.ts';
import { aCancel, aSupersede } from '../../support/flows/stopped-flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([anApproval, aSupersede, aCancel]);
