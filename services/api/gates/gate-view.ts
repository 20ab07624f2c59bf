import type { z } from 'zod';

import { correlationId } from '@pointsman/protocol/identifiers';
import type { OpenGate } from '@pointsman/protocol/releases/gate';
import type { OpenGateView } from '@pointsman/protocol/releases/gate-view';

export function viewOpenGate(tenant: string, gate: OpenGate): z.infer<typeof OpenGateView> {
  return { ...gate, correlationId: correlationId({ tenant, ...gate }) };
}
