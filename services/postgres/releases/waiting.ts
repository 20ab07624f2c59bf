import { z } from 'zod';

import type { WaitingFor } from '@pointsman/protocol/releases/release';
import { GateFacts, gateText } from '../../../core/texts/gate-texts.ts';
import { compilerText, queuedText } from '../../../core/texts/release-texts.ts';
import { BlockingSink, waitsForSinksText } from '../../../core/texts/sink-texts.ts';

/**
 * One item that a release waits for, from the SQL function `waiting_for` in functions/waiting.sql. A text is added to
 * it.
 */
export const WaitingRow = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('release'), version: z.number().int() }),
    z.object({ kind: z.literal('gate'), facts: GateFacts }),
    z.object({ kind: z.literal('compiler'), attempt: z.string(), deadlineAt: z.string() }),
    z.object({ kind: z.literal('sinks'), sinks: z.array(BlockingSink) }),
  ])
  .transform((row): WaitingFor => {
    switch (row.kind) {
      case 'release':
        return { kind: 'release', name: `v${row.version}`, text: queuedText(row.version), until: null };
      case 'gate': {
        const { kind, gate, notBefore, deadlineAt } = row.facts;
        return { kind, name: gate, text: gateText(row.facts), until: notBefore ?? deadlineAt };
      }
      case 'compiler':
        return {
          kind: 'compiler',
          name: row.attempt,
          text: compilerText(row.attempt),
          until: row.deadlineAt,
        };
      case 'sinks':
        return { kind: 'sink', name: null, text: waitsForSinksText(row.sinks), until: null };
    }
  });
