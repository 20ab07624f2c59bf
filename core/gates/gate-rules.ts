import { z } from 'zod';

import { GateName, SCHEDULE_GATE } from '@pointsman/protocol/identifiers';
import { duration } from '@pointsman/protocol/time/duration';
import { requestLimits } from '@pointsman/protocol/limits';
import { gateLimits } from '../limits/limits.ts';
import { httpUrl } from '@pointsman/protocol/json/storable';
import { FreezeWindow, neverOpen, TimeZone } from './window.ts';

const NAME_HINT = `Unique in its channel; 1 to 63 characters of a-z, 0-9 and "-", and not "${SCHEDULE_GATE}".`;

/** The role whose approval counts. An admin may always approve. */
const ApproverRole = z.enum(['approver', 'admin']);

const Within = duration({ minMs: gateLimits.minWithinMs, maxMs: gateLimits.maxWithinMs });

const DURATION_HINT = 'A whole number and s, m, h or d: 90s, 30m, 24h, 7d.';

const ApprovalRule = z
  .strictObject({
    name: GateName.meta({ description: NAME_HINT, examples: ['release'] }),
    role: ApproverRole.default('approver').meta({
      description: 'The role that may approve. An admin may always approve.',
    }),
    count: z.number().int().min(1).max(gateLimits.approvers).default(1).meta({
      description: 'How many people must approve.',
    }),
    notAuthor: z.boolean().default(false).meta({
      description: 'Four eyes: the author of the release cannot approve it.',
    }),
    within: Within.default('24h').meta({
      description: `How long the release waits, from when its artifact is stored; then it is rejected. ${DURATION_HINT}`,
    }),
  })
  .meta({
    id: 'ApprovalGate',
    description:
      'People must approve the release. An approval applies to one artifact and to the generation of the pointer at that moment.',
  });
type ApprovalRule = z.infer<typeof ApprovalRule>;

const CheckRule = z
  .strictObject({
    name: GateName.meta({ description: NAME_HINT, examples: ['e2e'] }),
    url: httpUrl(requestLimits.urlChars)
      .optional()
      .meta({
        description:
          'Where Pointsman sends the check request, with a callback URL. Without it, a token reports the result.',
        examples: ['https://ci.example/run'],
      }),
    within: Within.default('1h').meta({
      description: `How long the release waits, from when its artifact is stored; then it is rejected. ${DURATION_HINT}`,
    }),
  })
  .meta({
    id: 'CheckGate',
    description: 'The result of an automated check: reported by a CI job, or requested at a URL.',
  });
type CheckRule = z.infer<typeof CheckRule>;

export const WindowRule = z
  .strictObject({
    name: GateName.default('window').meta({ description: NAME_HINT }),
    timezone: TimeZone.meta({
      description: 'The IANA time zone of the freezes.',
      examples: ['Europe/Oslo'],
    }),
    freeze: z
      .array(FreezeWindow)
      .min(1)
      .max(gateLimits.freezes)
      .meta({
        description: 'A range in local time: every week, or once.',
        examples: [['Fri 16:00 - Mon 07:00', '2026-12-23T12:00 - 2027-01-02T08:00']],
      }),
  })
  .meta({
    id: 'WindowGate',
    description: 'Freezes: during a freeze the pointer does not move, and a release waits until it ends.',
  });
export type WindowRule = z.infer<typeof WindowRule>;

export type GateRule =
  { readonly approval: ApprovalRule } | { readonly check: CheckRule } | { readonly window: WindowRule };

// Not a zod union: the error of a union reports only that no variant matches, not which field is wrong.
export const GateRule = z
  .strictObject({
    approval: ApprovalRule.optional(),
    check: CheckRule.optional(),
    window: WindowRule.optional(),
  })
  // These two counts only appear in the generated JSON Schema. The transformation below enforces them, with a
  // clearer message.
  .meta({
    id: 'GateRule',
    description: 'One gate: exactly one of approval, check and window.',
    minProperties: 1,
    maxProperties: 1,
  })
  .transform(({ approval, check, window }, context): GateRule => {
    const given: GateRule[] = [];
    if (approval) given.push({ approval });
    if (check) given.push({ check });
    if (window) given.push({ window });
    const [only] = given;
    if (only && given.length === 1) return only;
    context.addIssue({
      code: 'custom',
      message: 'must have exactly one of "approval", "check" and "window"',
    });
    return z.NEVER;
  });

function gateNameOf(rule: GateRule): string {
  if ('approval' in rule) return rule.approval.name;
  return 'check' in rule ? rule.check.name : rule.window.name;
}

/** Returns the conflicts between gates that are each valid on their own. */
export function gateProblems(gates: readonly GateRule[]): { path: (string | number)[]; message: string }[] {
  const names = gates.map(gateNameOf);
  const problems = gates.flatMap((rule, index) => {
    if (names.indexOf(gateNameOf(rule)) === index) return [];
    const path = [index, Object.keys(rule)[0] ?? '', 'name'];
    return [{ path, message: `another gate of this channel has the name "${gateNameOf(rule)}"` }];
  });
  const windows = gates.flatMap((rule, index) => ('window' in rule ? [{ index, window: rule.window }] : []));
  const closed = windows.filter(({ window }) => neverOpen([window]));
  const together = neverOpen(windows.map(({ window }) => window)) ? windows.slice(-1) : [];
  for (const { index } of closed.length > 0 ? closed : together) {
    const message = `${closed.length > 0 ? 'this freezes' : 'all windows together freeze'} the whole week: no release could ever be published`;
    problems.push({ path: [index, 'window', 'freeze'], message });
  }
  return problems;
}
