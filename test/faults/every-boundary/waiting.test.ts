import { anApproval } from './flows.ts';
import { aCancel, aSupersede } from './stopped-flows.ts';
import { killAtEveryMessage } from './kill-at-every-message.ts';

killAtEveryMessage([anApproval, aSupersede, aCancel]);
