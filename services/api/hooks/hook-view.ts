import { pathOf, paths } from '@pointsman/protocol/paths';
import type { DeliveryView, HookView } from '@pointsman/protocol/hooks/hook-view';
import type { DeliveryRecord } from '../../postgres/hooks/deliveries.ts';
import type { HookRecord } from '../../postgres/hooks/hooks.ts';
import type { SecretBox } from '../../secrets/secret-box.ts';

export function viewHook(
  tenant: string,
  { secret, token, ...shown }: HookRecord,
  secrets: SecretBox | null,
): HookView {
  const under = [secret, token].flatMap((sealed) =>
    sealed === null ? [] : [secrets?.sealedUnder(sealed) ?? 'lost'],
  );
  const worst = (['lost', 'previous', 'current'] as const).find((one) => under.includes(one)) ?? 'current';
  return {
    ...shown,
    tokenSet: token !== null,
    sealedUnder: worst,
    deliverTo: pathOf(paths.hookDeliveries, { tenant, hook: shown.hook }),
  };
}

export function viewDelivery({ seq: _seq, ...shown }: DeliveryRecord & { seq?: number }): DeliveryView {
  return shown;
}
