import { ErrorReply } from 'redis';
import { z } from 'zod';

import { BEFORE_ALL, type EntryId, entryId, isAfter, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import { readerLimits } from './limits.ts';
import type { ReaderSession } from './reader-sessions.ts';
import type { EntryFields } from '@pointsman/protocol/redis/stream-entry';
import { missedSince, streamEnds } from './stream-ends.ts';

/** One consumer of a consumer group, for several streams. */
export interface GroupMember {
  readonly group: string;
  readonly consumer: string;
  /** The read position in each stream. It is kept across connections. */
  readonly positions: Map<string, EntryId>;
  /** The server to which these positions belong. */
  server: string | null;
}

export interface GroupEntry {
  readonly stream: string;
  readonly id: string;
  readonly fields: EntryFields;
}

export interface GroupRead {
  readonly entries: readonly GroupEntry[];
  /** Streams in which an event may have been missed before these entries. */
  readonly missed: readonly string[];
}

/**
 * Creates missing consumer groups at the end of their streams. Returns the streams in which an event may have
 * been missed: the group was created, the server has restarted or lost read entries, or unread entries were
 * trimmed.
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

/** Reads entries that no consumer of the group has received, and waits for them up to a limit. */
export async function readNew(session: ReaderSession, member: GroupMember): Promise<GroupRead> {
  const { group, consumer, positions } = member;
  const from = [...positions.keys()].map((key) => ({ key, id: '>' }));
  const read = await session.wait((client) =>
    client.xReadGroup(group, consumer, from, { COUNT: readerLimits.entries, BLOCK: readerLimits.blockMs }),
  );
  const entries = groupEntries(read);
  const missed: string[] = [];
  for (const [stream, position] of positions) {
    // Checked after the read. Entries trimmed after this check were in this read, or come after it.
    const ends = await session.ask((client) => streamEnds(client, stream));
    const newest = entries.findLast((entry) => entry.stream === stream);
    const isMissed = missedSince(position, ends) !== null;
    if (isMissed) missed.push(stream);
    if (newest !== undefined) positions.set(stream, parseEntryId(newest.id) ?? position);
    else if (isMissed) positions.set(stream, ends.last);
  }
  return { entries, missed };
}

/** A schema for the response, which the client library types as `any`. */
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
 * The unacknowledged entries of this consumer, whose responses were lost with a connection. Read when a
 * session starts, because no entry is in progress then.
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

/** Takes over entries that another consumer has not acknowledged for too long. */
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
        // A server before Redis 7 returns null for a deleted entry.
        if (message === null) missed.add(stream);
        else entries.push({ stream, id: message.id, fields: message.message });
      }
      // These entries were trimmed while they were pending, so their content is lost.
      if (claimed.deletedMessages.length > 0) missed.add(stream);
      next = claimed.nextId;
    } while (next !== entryId(BEFORE_ALL) && entries.length < readerLimits.entries);
  }
  return { entries, missed: [...missed] };
}

/**
 * The streams in which a pending entry has been trimmed. Check this before a claim, because a claim removes
 * such entries from the list.
 */
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
  for (const stream of new Set(entries.map((entry) => entry.stream))) {
    const ids = entries.filter((entry) => entry.stream === stream).map(({ id }) => id);
    await session.ask((client) => client.xAck(stream, group, ids));
  }
}
