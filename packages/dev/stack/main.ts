import { runStack } from './run-stack.ts';

// `npm start` runs this file. It runs all processes of Pointsman on this machine until it is stopped.
await runStack(process.env);
