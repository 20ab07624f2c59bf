import { ErrorReply } from 'redis';
import { z } from 'zod';

import { BEFORE_ALL, type EntryId, entryId, isAfter, parseEntryId } from '@pointsman/protocol/redis/entry-id';
import { readerLimits } from './limits.ts';
import type { ReaderSession } from './reader-sessions.ts';
import type { EntryFields } from '@pointsman/protocol/redis/stream-entry';
import { missedSince, streamEnds } from './stream-ends.ts';

/** One consumer of a consumer group, and its positions in several streams. */
export interface GroupMember {
  readonly group: string;
  readonly consumer: string;
  /** The ID of the last entry that was read from each stream. It is kept when a connection is lost. */
  readonly positions: Map<string, EntryId>;
  /** The run ID of the server from which the positions come. */
  server: string | null;
}

export interface GroupEntry {
  readonly stream: string;
  readonly id: string;
  readonly fields: EntryFields;
}

export interface GroupRead {
  readonly entries: readonly GroupEntry[];
  /** The streams in which an event before these entries may have been missed. */
  readonly missed: readonly string[];
}

/**
 * Creates the consumer groups that do not exist, each at the end of its stream.
 *
 * Returns the streams in which an event may have been missed. There are three causes: the group was just
 * created, the server has restarted or has lost entries that were read, or entries were trimmed before they
 * were read.
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

/**
 * Reads entries that no consumer of the group has received yet. If there are none, waits for at most {@link
 * readerLimits.blockMs}.
 */
export async function readNew(session: ReaderSession, member: GroupMember): Promise<GroupRead> {
  const { group, consumer, positions } = member;
  const from = [...positions.keys()].map((key) => ({ key, id: '>' }));
  const read = await session.wait((client) =>
    client.xReadGroup(group, consumer, from, { COUNT: readerLimits.entries, BLOCK: readerLimits.blockMs }),
  );
  const entries = groupEntries(read);
  const missed: string[] = [];
  for (const [stream, position] of positions) {
    // The check must run after the read. An entry that is trimmed after the check was already returned by
    // this read, or the next check detects its loss.
    const ends = await session.ask((client) => streamEnds(client, stream));
    const newest = entries.findLast((entry) => entry.stream === stream);
    const isMissed = missedSince(position, ends) !== null;
    if (isMissed) missed.push(stream);
    if (newest !== undefined) positions.set(stream, parseEntryId(newest.id) ?? position);
    else if (isMissed) positions.set(stream, ends.last);
  }
  return { entries, missed };
}

/** The schema of the server's response. The client library declares the response as `any`. */
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
 * Yields the entries that were delivered to this consumer but not acknowledged, because a connection was
 * lost. Must be called at the start of a session, before any entry is in progress.
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

/** Takes over entries that another consumer of the group has not acknowledged for `idleMs`. */
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
        // A server before Redis 7 returns null for an entry that was deleted.
        if (message === null) missed.add(stream);
        else entries.push({ stream, id: message.id, fields: message.message });
      }
      // The entries were trimmed from the stream before they were acknowledged, so their content is lost.
      if (claimed.deletedMessages.length > 0) missed.add(stream);
      next = claimed.nextId;
    } while (next !== entryId(BEFORE_ALL) && entries.length < readerLimits.entries);
  }
  return { entries, missed: [...missed] };
}

/**
 * Returns the streams that have lost an entry which was delivered but not acknowledged. Must be called before
 * {@link reclaim}, because a claim removes such entries from the list.
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
