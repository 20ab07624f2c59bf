import { ErrorReply } from 'redis';
import { z } from 'zod';

import { BEFORE_ALL, type EntryId, entryId, isAfter, parseEntryId } from './entry-id.ts';
import { readerLimits } from './limits.ts';
import type { ReaderSession } from './reader-sessions.ts';
import type { EntryFields } from './stream-entry.ts';
import { missedSince, streamEnds } from './stream-ends.ts';

/** A consumer group of some streams, as one of its consumers. */
export interface GroupMember {
  readonly group: string;
  readonly consumer: string;
  /** How far it has read in each stream; kept from one connection to the next. */
  readonly positions: Map<string, EntryId>;
  /** The server that those are of. */
  server: string | null;
}

export interface GroupEntry {
  readonly stream: string;
  readonly id: string;
  readonly fields: EntryFields;
}

export interface GroupRead {
  readonly entries: readonly GroupEntry[];
  /** Streams in which something may have been missed, before those entries. */
  readonly missed: readonly string[];
}

/**
 * Makes the groups that are missing, at the end of their streams, and says where something may have been missed: where a group had to be made, where
 * the server has been started since or has lost what was read, where unread entries were trimmed.
 */
export async function attach(
  session: ReaderSession,
  member: GroupMember,
  streams: readonly string[],
): Promise<string[]> {
  const missed: string[] = [];
  const { server } = session;
  const sameServer = server !== null && server === member.server;
  for (const stream of streams) {
    const before = member.positions.get(stream);
    const made = await makeGroup(session, stream, member.group);
    const delivered = await deliveredUpTo(session, stream, member.group);
    const ends = await session.ask((client) => streamEnds(client, stream));
    const restarted = before !== undefined && !sameServer;
    const position = before !== undefined && !isAfter(before, ends.last) ? before : delivered;
    if (made || restarted || missedSince(before ?? delivered, ends) !== null) missed.push(stream);
    member.positions.set(stream, position);
  }
  member.server = server;
  return missed;
}

async function makeGroup(session: ReaderSession, stream: string, group: string): Promise<boolean> {
  try {
    await session.ask((client) => client.xGroupCreate(stream, group, '$', { MKSTREAM: true }));
    return true;
  } catch (error) {
    if (error instanceof ErrorReply && error.message.startsWith('BUSYGROUP')) return false;
    throw error;
  }
}

async function deliveredUpTo(session: ReaderSession, stream: string, group: string): Promise<EntryId> {
  const groups = await session.ask((client) => client.xInfoGroups(stream));
  const own = groups.find(({ name }) => name === group);
  return parseEntryId(own?.['last-delivered-id'] ?? '') ?? BEFORE_ALL;
}

/** What nobody of the group has had yet. Waits for it a while. */
export async function readNew(session: ReaderSession, member: GroupMember): Promise<GroupRead> {
  const { group, consumer, positions } = member;
  const from = [...positions.keys()].map((key) => ({ key, id: '>' }));
  const read = await session.wait((client) =>
    client.xReadGroup(group, consumer, from, { COUNT: readerLimits.entries, BLOCK: readerLimits.blockMs }),
  );
  const entries = groupEntries(read);
  const missed: string[] = [];
  for (const [stream, position] of positions) {
    // After the read: what is trimmed later is what this read has brought, or what comes after it.
    const ends = await session.ask((client) => streamEnds(client, stream));
    const newest = entries.findLast((entry) => entry.stream === stream);
    const isMissed = missedSince(position, ends) !== null;
    if (isMissed) missed.push(stream);
    if (newest !== undefined) positions.set(stream, parseEntryId(newest.id) ?? position);
    else if (isMissed) positions.set(stream, ends.last);
  }
  return { entries, missed };
}

/** The client's own type of this answer is any. */
const Read = z
  .array(
    z.object({
      name: z.string(),
      messages: z.array(z.object({ id: z.string(), message: z.record(z.string(), z.string()) })),
    }),
  )
  .nullable();

function groupEntries(read: unknown): GroupEntry[] {
  return (Read.parse(read) ?? []).flatMap(({ name, messages }) =>
    messages.map(({ id, message }) => ({ stream: name, id, fields: message })),
  );
}

/**
 * What this consumer was given and has not acknowledged: answers that were lost with a connection. Asked when a session begins, since nothing of it is
 * under way then.
 */
export async function* ownPending(session: ReaderSession, member: GroupMember): AsyncGenerator<GroupEntry[]> {
  const { group, consumer } = member;
  for (const stream of member.positions.keys()) {
    for (let from = '-'; ;) {
      const start = from;
      const listed = await session.ask((client) =>
        client.xPendingRange(stream, group, start, '+', readerLimits.entries, { consumer }),
      );
      const last = listed.at(-1);
      if (last === undefined) break;
      const claimed = await session.ask((client) =>
        client.xClaim(
          stream,
          group,
          consumer,
          0,
          listed.map(({ id }) => id),
        ),
      );
      yield claimed
        .filter((message) => message !== null)
        .map(({ id, message }) => ({ stream, id, fields: message }));
      from = `(${last.id}`;
    }
  }
}

/** Takes over what somebody has had for too long without acknowledging it. */
export async function reclaim(
  session: ReaderSession,
  { group, consumer, positions }: GroupMember,
  idleMs: number,
): Promise<GroupRead> {
  const entries: GroupEntry[] = [];
  const missed = new Set<string>();
  for (const stream of positions.keys()) {
    let next = entryId(BEFORE_ALL);
    do {
      const claimed = await session.ask((client) =>
        client.xAutoClaim(stream, group, consumer, idleMs, next, { COUNT: readerLimits.entries }),
      );
      for (const message of claimed.messages) {
        // A server before Redis 7 leaves a hole for an entry that is gone.
        if (message === null) missed.add(stream);
        else entries.push({ stream, id: message.id, fields: message.message });
      }
      // Trimmed while they were pending: nobody will ever know what they said.
      if (claimed.deletedMessages.length > 0) missed.add(stream);
      next = claimed.nextId;
    } while (next !== entryId(BEFORE_ALL) && entries.length < readerLimits.entries);
  }
  return { entries, missed: [...missed] };
}

/** Streams of which something pending has been trimmed. Asked before it is claimed, since claiming forgets it. */
export async function pendingTrimmed(session: ReaderSession, member: GroupMember): Promise<string[]> {
  const missed: string[] = [];
  for (const stream of member.positions.keys()) {
    const { firstId } = await session.ask((client) => client.xPending(stream, member.group));
    const oldest = firstId === null ? null : parseEntryId(firstId);
    if (oldest === null) continue;
    const { first } = await session.ask((client) => streamEnds(client, stream));
    if (first === null || isAfter(first, oldest)) missed.push(stream);
  }
  return missed;
}

export async function acknowledge(
  session: ReaderSession,
  group: string,
  entries: readonly GroupEntry[],
): Promise<void> {
  const byStream = Map.groupBy(entries, ({ stream }) => stream);
  for (const [stream, done] of byStream) {
    await session.ask((client) =>
      client.xAck(
        stream,
        group,
        done.map(({ id }) => id),
      ),
    );
  }
}
