import { describe, expect, test } from 'vitest';

import { stepRetries } from '../../../core/limits/limits.ts';
import { stepFaults } from './durable-steps.ts';
import { PRODUCT, readSourceFiles } from './source-files.ts';
import { unthrownErrors } from './terminal-errors.ts';

const CLOSURE = 'step-closure';
const RETRIES = 'step-retries';
const NAME = 'step-name';
const CONTEXT = 'context-name';

/** Examples of code that an author of a handler might write, with the rule that refuses each one. */
const FORBIDDEN: [string, string][] = [
  [NAME, 'ctx.run(() => store.save(), stepRetries.undo)'],
  [NAME, 'ctx.run(`save ${version}`, () => store.save(), stepRetries.undo)'],
  [NAME, 'ctx.run(name, () => store.save(), stepRetries.undo)'],
  [NAME, "ctx.run('a', () => one(), stepRetries.undo); ctx.run('a', () => two(), stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', save, stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', async () => { await one(); await two(); }, stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', () => store.save(ctx.key), stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', () => save(ctx), stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', () => ({ ctx }), stepRetries.undo)"],
  [CLOSURE, "ctx.run('a', () => one(() => ctx.rand.uuidv4()), stepRetries.undo)"],
  [CLOSURE, "const now = () => ctx.date.now(); ctx.run('a', () => store.save(now()), stepRetries.undo)"],
  [CLOSURE, "function now() { return ctx.date.now(); } ctx.run('a', () => save(now()), stepRetries.undo)"],
  [CLOSURE, "const gate = ctx.promise('x'); ctx.run('a', () => gate.get(), stepRetries.undo)"],
  [
    CLOSURE,
    "const { id, promise } = ctx.awakeable(); ctx.run('a', () => ask(id, promise), stepRetries.undo)",
  ],
  [CLOSURE, "const dice = ctx.rand; ctx.run('a', () => store.save(dice.uuidv4()), stepRetries.undo)"],
  [RETRIES, "ctx.run('a', () => store.save())"],
  [RETRIES, "ctx.run('a', () => store.save(), {})"],
  [RETRIES, "ctx.run('a', () => store.save(), { initialRetryInterval: 50 })"],
  [RETRIES, "ctx.run('a', () => store.save(), retries)"],
  [RETRIES, "ctx.run('a', () => store.save(), { ...policy, serde })"],
  [RETRIES, "function f(retries: UndoRetries) { ctx.run('a', () => store.save(), retries); }"],
  [RETRIES, "const retries = { maxRetryInterval: 50 }; ctx.run('a', () => store.save(), retries)"],
  [CONTEXT, "restate.run('a', () => store.save(), stepRetries.undo)"],
  [CONTEXT, "ctx['run']('a', () => 1, stepRetries.undo); const c = ctx;"],
  [CONTEXT, 'const { run } = ctx;'],
  [CONTEXT, 'const both = { ctx, deps };'],
  [CONTEXT, 'function publish(context: ObjectContext) {}'],
  [CONTEXT, 'const publish = (context: ObjectSharedContext<State>) => null;'],
];

const ALLOWED: string[] = [
  "ctx.run('save it', () => store.save(id, { at: deps.clock.now() }), stepRetries.undo)",
  "ctx.run('save it', async () => await store.save(id), { ...stepRetries.undo, serde })",
  "ctx.run('save it', () => store.save(id), { maxRetryAttempts: 3 })",
  "const retries = stepRetries.undo; ctx.run('save it', () => store.save(id), retries)",
  "function f(retries: StepRetries) { ctx.run('save it', () => store.save(id), retries); }",
  "const tenant = ctx.key; ctx.run('save it', () => store.save(tenant, { key: 1 }), stepRetries.undo)",
  "const now = await ctx.date.now(); ctx.run('save it', () => store.save(now), stepRetries.undo)",
  "const { id } = ctx.awakeable(); ctx.run('ask', () => ask(id), stepRetries.undo)",
  "const id = ctx.request().id; ctx.run('ask', () => ask(id), stepRetries.undo)",
  'ctx.sendClient(Release, key).run({ channel, source })',
  "ctx.run('one', () => one(), stepRetries.undo); ctx.run('two', () => two(), stepRetries.undo)",
];

describe('the check of durable steps', () => {
  test.each(FORBIDDEN)('reports a violation of the rule "%s" in: %s', (rule, text) => {
    expect(stepFaults({ path: 'handlers/it.ts', text }).map((fault) => fault.rule)).toContain(rule);
  });

  test.each(ALLOWED)('accepts the code: %s', (text) => {
    expect(stepFaults({ path: 'handlers/it.ts', text })).toEqual([]);
  });
});

describe('the check of terminal errors', () => {
  test.each([
    "new TerminalError('no');",
    "const error = new TerminalError('no');",
    "function f() { return new TerminalError('no'); }",
    "log(new TerminalError('no'));",
    "async function f() { if (late) new TerminalError('no'); }",
  ])('refuses the code: %s', (text) => {
    expect(unthrownErrors({ path: 'handlers/it.ts', text })).toHaveLength(1);
  });

  test.each([
    "throw new TerminalError('no');",
    "throw late ? new TerminalError('late') : new TerminalError('no');",
    "ctx.rejectAwakeable(id, new TerminalError('no'));",
    "function f(): TerminalError | undefined { return new TerminalError('no'); }",
    "const f = (): TerminalError => new TerminalError('no');",
  ])('accepts the code: %s', (text) => {
    expect(unthrownErrors({ path: 'handlers/it.ts', text })).toEqual([]);
  });
});

describe('the handlers of the product', () => {
  test('have only steps with a unique name, a closure without ctx, and bounded retries', async () => {
    const handlers = await readSourceFiles(['handlers']);
    expect(handlers.some(({ text }) => text.includes('ctx.run('))).toBe(true);
    expect(handlers.flatMap(stepFaults)).toEqual([]);
  });

  test('throw every terminal error that they create', async () => {
    expect((await readSourceFiles(PRODUCT)).flatMap(unthrownErrors)).toEqual([]);
  });

  test.each(Object.entries(stepRetries))(
    'limit the retries of a step with stepRetries.%s, by their number or their duration',
    (_name, retries) => {
      expect('maxRetryAttempts' in retries || 'maxRetryDuration' in retries).toBe(true);
    },
  );
});
