import type { EventSourceMessage } from 'eventsource-parser';

import type { ReleaseId } from '../../../../core/identifiers.ts';
import { parseJsonAs } from '../../../../core/json/parse-json.ts';
import { STAGES } from '../../../../core/releases/release.ts';
import { releasePath } from '../../client/api-paths.ts';
import type { ApiClient } from '../../client/client.ts';
import { eventStream } from '../../client/event-stream.ts';
import { cliLimits } from '../../limits.ts';
import { ReleaseView, StageEvent } from '../../client/resources.ts';
import { waitFor } from '../../client/retry.ts';

/**
 * A release as it goes on, from now until it has settled, which is the last view. The event stream tells of each stage; whenever it
 * is cut, or says what we don't understand, we look at the release itself, and without a stream every {@link cliLimits.pollMs}.
 * Throws as the client does, and the signal's reason when interrupted.
 */
export async function* followRelease(
  client: ApiClient,
  id: ReleaseId,
  signal: AbortSignal,
): AsyncGenerator<ReleaseView> {
  const path = releasePath(id.tenant, id.bundle, id.version);
  const look = () => client.call('GET', path, ReleaseView, { deadline: signal });
  let view = await look();
  yield view;
  if (view.status === 'settled') return;
  for await (const event of eventStream(client, `${path}/events`, signal)) {
    view = (event === null ? null : viewAfter(view, event)) ?? (await look());
    yield view;
    if (view.status === 'settled') return;
  }
  for (;;) {
    view = await look();
    yield view;
    if (view.status === 'settled') return;
    await waitFor(cliLimits.pollMs, signal);
  }
}

/** The view that an event makes of the one before; null when only a look can tell. */
function viewAfter(view: ReleaseView, { event, data }: EventSourceMessage): ReleaseView | null {
  if (event === 'settled') return parseJsonAs(ReleaseView, data);
  const stage = event === 'stage' ? parseJsonAs(StageEvent, data) : null;
  if (stage === null) return null;
  // Why the pointer does not move yet stands in the release alone.
  if (stage.stage === 'swap' && stage.state === 'running') return null;
  const known = view.stages.find((one) => one.stage === stage.stage);
  // The stream begins with what we have seen already: a beginning must not undo an end.
  if (known !== undefined && known.state !== 'running') return view;
  const others = view.stages.filter((one) => one !== known);
  const stages = [...others, stage].toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
  const next = stage.state === 'passed' ? (STAGES[STAGES.indexOf(stage.stage) + 1] ?? null) : stage.stage;
  return { ...view, status: 'running', stage: next, stages };
}
