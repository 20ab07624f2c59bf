import { runStack } from './run-stack.ts';

// `npm start`: everything that Pointsman needs, in one place, until it is told to stop.
await runStack(process.env);
