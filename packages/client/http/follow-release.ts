import type { StreamEvent } from './event-stream.ts';

import type { ReleaseId } from '@pointsman/protocol/identifiers';
import { parseJsonAs } from '@pointsman/protocol/json/parse-json';
import { STAGES } from '@pointsman/protocol/releases/release';
import { pathOf, paths } from '@pointsman/protocol/paths';
import { streamEvents } from '@pointsman/protocol/stream-events';
import type { ApiClient } from './client.ts';
import { eventStream } from './event-stream.ts';
import { clientLimits } from './limits.ts';
import { ReleaseView, StageEvent } from './resources.ts';
import { waitFor } from './retry.ts';

/**
 * Yields the current view of a release, and a new view after each change, until the release has settled.
 * Reads the release again if the event stream is interrupted or contains an unknown event, and every {@link
 * clientLimits.pollMs} if there is no stream. Throws the client's errors, and the signal's reason if it
 * aborts.
 */
export async function* followRelease(
  client: ApiClient,
  id: ReleaseId,
  signal: AbortSignal,
): AsyncGenerator<ReleaseView, void> {
  const path = pathOf(paths.release, id);
  const read = () =>
    client.call('GET', path, ReleaseView, { deadline: signal }).catch((error: unknown) => {
      // A call that the signal ended reports a lost connection.
      signal.throwIfAborted();
      throw error;
    });
  let view = await read();
  yield view;
  if (view.status === 'settled') return;
  for await (const event of eventStream(client, pathOf(paths.releaseEvents, id), signal)) {
    view = (event === null ? null : viewAfter(view, event)) ?? (await read());
    yield view;
    if (view.status === 'settled') return;
  }
  for (;;) {
    view = await read();
    yield view;
    if (view.status === 'settled') return;
    await waitFor(clientLimits.pollMs, signal);
  }
}

/** Returns the view after an event, or null if the release must be read again. */
function viewAfter(view: ReleaseView, { event, data }: StreamEvent): ReleaseView | null {
  if (event === streamEvents.settled) return parseJsonAs(ReleaseView, data);
  const sent = event === streamEvents.stage ? parseJsonAs(StageEvent, data) : null;
  if (sent === null) return null;
  const stage = { ...sent, finishedAt: sent.finishedAt ?? null, diagnostics: sent.diagnostics ?? [] };
  // The event does not contain the reason why the pointer does not move yet. It is only in the release.
  if (stage.stage === 'swap' && stage.state === 'running') return null;
  const known = view.stages.find((one) => one.stage === stage.stage);
  // The stream starts with events that were already seen. A repeated start must not replace the end of a
  // stage.
  if (known !== undefined && known.state !== 'running') return view;
  const others = view.stages.filter((one) => one !== known);
  const stages = [...others, stage].toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
  const next = stage.state === 'passed' ? (STAGES[STAGES.indexOf(stage.stage) + 1] ?? null) : stage.stage;
  return { ...view, status: 'running', stage: next, stages };
}
