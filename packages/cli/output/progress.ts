import { humanDuration } from '@pointsman/protocol/text/amounts';
import { gateLine, openGateNames, openGates } from './format-gate.ts';
import { printable } from './printable.ts';
import type { ReleaseView, StageView } from '@pointsman/client/internal/http/resources';
import type { Terminal } from './terminal.ts';

/** Prints each stage of a release when it ends, and each gate when it changes, one line each. */
export interface Progress {
  show(release: ReleaseView): void;
  /** Removes the line of the running stage, so that further output starts on a new line. */
  end(): void;
}

/**
 * Creates the progress display. At a terminal, the last line shows the running stage, and it is replaced when
 * the stage ends. In a pipe, no line is replaced later. With `--json`, all progress goes to `err`,
 * because `out` contains the JSON document.
 */
export function progress(terminal: Terminal): Progress {
  const shown = new Set<string>();
  const gates = new Map<string, string>();
  let pending = '';
  const write = terminal.json ? terminal.err : terminal.out;
  const replacePending = (next: string): void => {
    if (!terminal.isLive || next === pending) return;
    // The old line is replaced in a single write, to avoid flicker.
    write(pending === '' ? next : terminal.replaceLine(next));
    pending = next;
  };
  const showGates = (release: ReleaseView): void => {
    const open = new Set(openGates(release.gates));
    for (const gate of release.gates) {
      const { state, statusText } = gate;
      if (state === 'open' && !open.has(gate)) continue;
      // A gate is printed again only if its state or its text has changed. A change of the remaining time
      // alone is not printed.
      if (state === 'closed' || gates.get(gate.gate) === `${state} ${statusText}`) continue;
      gates.set(gate.gate, `${state} ${statusText}`);
      replacePending('');
      write(`${gateLine(gate, terminal)}\n`);
    }
  };
  const showFrozen = ({ waitingFor }: ReleaseView): void => {
    for (const { kind, text } of waitingFor) {
      if (kind !== 'sink' || shown.has(text)) continue;
      shown.add(text);
      replacePending('');
      write(`  … swap ${printable(text)}\n`);
    }
  };
  return {
    show(release) {
      for (const stage of release.stages) {
        if (stage.stage === 'gate') showGates(release);
        if (stage.state === 'running' || shown.has(stage.stage)) continue;
        shown.add(stage.stage);
        replacePending('');
        write(`${stageLine(stage, release, terminal)}\n`);
      }
      showFrozen(release);
      replacePending(release.status === 'settled' ? '' : waitingLine(release, terminal));
    },
    end: () => replacePending(''),
  };
}

/**
 * Formats a completed stage. The time shown is the end of the stage, relative to the acceptance of the
 * release. Durations are not shown, because many stages are a single transaction whose start is not recorded.
 */
function stageLine(stage: StageView, release: ReleaseView, terminal: Terminal): string {
  const paint = terminal.json ? terminal.paintErr : terminal.paint;
  if (stage.state === 'skipped') return `  - ${stage.stage.padEnd(8)} ${paint('dim', 'skipped')}`;
  const mark = stage.state === 'passed' ? paint('green', '✓') : paint('red', '✗');
  if (stage.finishedAt === null) return `  ${mark} ${stage.stage}`;
  const afterMs = Date.parse(stage.finishedAt) - Date.parse(release.createdAt);
  return `  ${mark} ${stage.stage.padEnd(8)} ${paint('dim', `after ${humanDuration(Math.max(0, afterMs))}`)}`;
}

function waitingLine(release: ReleaseView, terminal: Terminal): string {
  const between = release.stages.length === 0 ? 'starting' : 'settling';
  const waitsFor = openGateNames(release.gates);
  const stage = release.stage === 'gate' && waitsFor !== '' ? `gate: ${waitsFor}` : release.stage;
  const [first] = release.waitingFor;
  const queued = first?.kind === 'release' ? `queued behind ${first.name}` : 'queued';
  const doing = release.status === 'queued' ? queued : (stage ?? between);
  return terminal.paint('dim', `  … ${doing}`);
}
