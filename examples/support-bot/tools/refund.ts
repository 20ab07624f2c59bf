import { format } from './money.ts';

export interface Refund {
  readonly orderId: string;
  readonly cents: number;
}

/** Whether a person has to look at a refund first, and what to tell them. The runtime calls this before the tool. */
export function needsApproval(refund: Refund, limitCents: number): string | null {
  if (refund.cents <= limitCents) return null;
  return `Refund of ${format(refund.cents)} for ${refund.orderId} is above ${format(limitCents)}`;
}
