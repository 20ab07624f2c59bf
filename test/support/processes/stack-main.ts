// Runs the same code as `npm start`, with stand-ins for the project's own processes.
import { runStack } from '../../../packages/dev/stack/run-stack.ts';
import { standIns } from './stand-ins.ts';

await runStack(process.env, { scripts: standIns });
