import { z } from 'zod';

import { MoveEvent, moveEvent } from './move-event.ts';

export const feedMoveExample = moveEvent({
  tenant: 'acme',
  bundle: 'support-bot',
  channel: 'live',
  generation: 17,
  seq: 40,
  from: { version: 11, digest: 'sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9' },
  to: { version: 12, digest: 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' },
  movedAt: '2026-03-01T12:00:00.120Z',
});

export const FeedView = z
  .object({
    items: z.array(
      MoveEvent.meta({ id: 'MoveEvent', description: 'A move, as a CloudEvent.', example: feedMoveExample }),
    ),
    next: z
      .string()
      .meta({ description: 'The cursor for the next request. It is also set when the page has no moves.' }),
    latest: z.string().meta({ description: "The cursor of the feed's end." }),
  })
  .meta({
    id: 'Feed',
    description: 'One page of a tenant’s feed of moves.',
    example: { items: [feedMoveExample], next: 'acme:40', latest: 'acme:40' },
  });
