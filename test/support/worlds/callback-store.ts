import type { CheckReport } from '../../../packages/protocol/callouts/check-request.ts';
import type { CompileReport } from '../../../packages/protocol/callouts/compile-job.ts';
import { digestOf } from '../../../packages/protocol/digest.ts';
import { type CalloutId, calloutKey } from '../../../core/callout.ts';
import type {
  Callbacks,
  EndedAttempt,
  NewCallback,
  OpenedCallback,
} from '../../../handlers/ports/callbacks.ts';
import type { CallbackRequest } from '../../../handlers/contract/release.ts';
import { readManifest } from '../../../packages/protocol/artifacts/oci-manifest.ts';
import { postgresCallbacks } from '../../../services/postgres/releases/callbacks.ts';
import { findRelease } from '../../../services/postgres/releases/releases.ts';
import { prepareRelease } from '../../../services/postgres/releases/stages.ts';
import { type GatedStore, gatedStore } from './gated-store.ts';
import { admitted, putArtifact, times } from './store.ts';

const HOUR = 3_600_000;

/** A database with the callbacks of its releases. */
export interface CallbackStore {
  /** The store without callbacks, for the other steps of a test. */
  readonly bench: GatedStore;
  readonly callbacks: Callbacks;
  /** The deadline of every callback: an hour after it was opened. */
  readonly deadlineMs: number;
  compile(version?: number, attempt?: number): CalloutId;
  /** Opens a callback. Its capability is derived from its name. */
  open(callout: CalloutId, more?: Partial<NewCallback>): Promise<OpenedCallback>;
  /** Creates a release that a remote compiler is compiling. */
  compiling(version?: number): Promise<CalloutId>;
  report(
    callout: CalloutId,
    content: CompileReport | CheckReport,
    at?: number,
  ): ReturnType<Callbacks['recordReport']>;
  end(callout: CalloutId): Promise<EndedAttempt>;
  /** Stores the blobs of an artifact, and returns the report with which a compiler would report it. */
  whole(text: string): Promise<CompileReport>;
  /** Reads the ledger of a release. */
  effects(version?: number): Promise<string[]>;
}

/** Sets up the database for each test of the calling file. */
export function callbackStore(): CallbackStore {
  const bench = gatedStore();
  const own: CallbackStore = {
    bench,
    get callbacks() {
      return postgresCallbacks(bench.store.db, async (_tenant, bytes) => readManifest(bytes));
    },
    get deadlineMs() {
      return bench.openedAt + HOUR;
    },
    compile: (version = 1, attempt = 1) => ({
      id: bench.release(version),
      purpose: 'compile',
      subject: String(attempt),
    }),
    open: (callout, more = {}) =>
      own.callbacks.open({
        ...callout,
        capability: `capability of ${calloutKey(callout)}`,
        awakeableId: callout.purpose === 'compile' ? 'sign_1' : null,
        deadlineMs: own.deadlineMs,
        detail: 'asked of ci.example',
        at: bench.openedAt,
        ...more,
      }),
    async compiling(version = 1) {
      await bench.wholePolicy({ compile: { executor: 'http', url: 'https://ci.example/compile' } });
      await admitted(bench.store, bench.release(version));
      const asked = await prepareRelease(bench.store.db, bench.release(version), 'live', times);
      if (asked.kind !== 'compile_remotely') throw new Error(`the release is ${asked.kind}`);
      const callout = own.compile(version);
      const opened = await own.open(callout);
      if (opened.kind !== 'open') throw new Error(`the callback is ${opened.kind}`);
      return callout;
    },
    report: (callout, content, at = bench.openedAt + 1) =>
      own.callbacks.recordReport(callout.id, {
        callback: calloutKey(callout),
        report: reportOf(content),
        fingerprint: digestOf(JSON.stringify(content)),
        requestId: 'x',
        at,
      }),
    end: (callout) => own.callbacks.endAttempt(callout.id, Number(callout.subject), bench.openedAt + 2),
    whole: async (text) => ({
      status: 'compiled',
      artifacts: [{ channel: null, digest: await putArtifact(bench.store, bench.tenant, text) }],
    }),
    async effects(version = 1) {
      const release = await findRelease(bench.store.db, bench.release(version));
      return release?.effects.map(({ effect, state }) => `${effect} ${state}`) ?? [];
    },
  };
  return own;
}

function reportOf(content: CompileReport | CheckReport): CallbackRequest['report'] {
  return 'status' in content ? { purpose: 'compile', content } : { purpose: 'check', content };
}
