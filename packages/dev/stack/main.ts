import { runStack } from './run-stack.ts';

// `npm start`: runs all of Pointsman in one place, until it is stopped.
await runStack(process.env);
