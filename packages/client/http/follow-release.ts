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
 * Yields the current view of a release, and a new view after each change, until the release has settled. If
 * the event stream is interrupted or contains an unknown event, reads the release again. If there is no event
 * stream, reads the release every {@link clientLimits.pollMs}. Throws the errors of the client, or the
 * signal's reason if the signal aborts.
 */
export async function* followRelease(
  client: ApiClient,
  id: ReleaseId,
  signal: AbortSignal,
): AsyncGenerator<ReleaseView, void> {
  const path = pathOf(paths.release, id);
  const read = () =>
    client.call('GET', path, ReleaseView, { deadline: signal }).catch((error: unknown) => {
      // If the signal ended the call, the error would be a lost connection. The signal's reason is thrown
      // instead.
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

/**
 * Returns the view of the release after an event. Returns null if the event does not contain enough data. The
 * release must then be read again.
 */
function viewAfter(view: ReleaseView, { event, data }: StreamEvent): ReleaseView | null {
  if (event === streamEvents.settled) return parseJsonAs(ReleaseView, data);
  const sent = event === streamEvents.stage ? parseJsonAs(StageEvent, data) : null;
  if (sent === null) return null;
  const stage = { ...sent, finishedAt: sent.finishedAt ?? null, diagnostics: sent.diagnostics ?? [] };
  // While the swap waits, only the release itself contains the reason. The event does not, so the release
  // must be read again.
  if (stage.stage === 'swap' && stage.state === 'running') return null;
  const known = view.stages.find((one) => one.stage === stage.stage);
  // The stream may repeat earlier events. A repeated start of a stage must not replace its end.
  if (known !== undefined && known.state !== 'running') return view;
  const others = view.stages.filter((one) => one !== known);
  const stages = [...others, stage].toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
  const next = stage.state === 'passed' ? (STAGES[STAGES.indexOf(stage.stage) + 1] ?? null) : stage.stage;
  return { ...view, status: 'running', stage: next, stages };
}
