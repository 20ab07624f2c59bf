import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PortBook, PortTakenError, startOnPorts } from '../../../packages/dev/embedded/ports.ts';
import {
  ServerNotReadyError,
  type ServerProcess,
  startServerProcess,
  type StopStep,
  waitUntilReady,
} from '../../../packages/dev/embedded/server-process.ts';
import { endWithTestProcess } from './servers.ts';
import { RABBITMQ_SERVER, RABBITMQCTL, REDIS_SERVER } from './system-packages.ts';

const execute = promisify(execFile);

/** A real broker, from the system's packages, that only this test uses. */
export interface TestBroker {
  readonly url: string;
  readonly port: number;
  /** Kills the broker with SIGKILL and waits until it has ended. Its data is kept. */
  kill(): Promise<void>;
  /** Kills the broker if it still runs, and starts it again with its data, at the same address. */
  restart(): Promise<void>;
  /**
   * Shuts the broker down gracefully before starting it again, so everything that RabbitMQ accepted is stored. After a kill, RabbitMQ may
   * have lost a queue that was declared shortly before, even though it had confirmed the queue.
   */
  restartGently(): Promise<void>;
  /** Stops the broker and removes its data. */
  stop(): Promise<void>;
}

export interface TestRedis extends TestBroker {
  /**
   * Simulates a power failure. It kills Redis, removes the last `bytes` bytes of its file, and starts Redis again.
   */
  restartWithoutEnd(bytes: number): Promise<void>;
}

export interface TestRabbitmq extends TestBroker {
  /** Runs an operator command of RabbitMQ, which takes several seconds. @returns its output */
  ctl(...args: readonly string[]): Promise<string>;
}

/**
 * Starts a Redis that keeps every acknowledged write even if it is killed.
 * @param options.appendfsync use `everysec`, the usual setting, only for measurements: a kill may then lose up to two
 * seconds of acknowledged writes
 */
export async function startRedis({
  appendfsync = 'always',
}: { appendfsync?: 'always' | 'everysec' } = {}): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-redis-'));
  const book = PortBook.inMemory();
  const started = await restartable(() =>
    startOnPorts(book, ['redis'], async ({ redis: port }) => {
      const address = ['--port', String(port), '--bind', '127.0.0.1'];
      const data = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''];
      const server = await run(REDIS_SERVER, [...address, ...data], {}, join(folder, 'redis.log'));
      await ready('Redis', server, () => answers(port, 'PING\r\n', '+PONG'));
      return { server, port };
    }),
  );
  return {
    ...broker(started, (port) => `redis://127.0.0.1:${port}/0`, folder, []),
    restartWithoutEnd: async (bytes) => {
      await started.kill();
      const written = join(folder, 'appendonlydir', 'appendonly.aof.1.incr.aof');
      const { size } = await stat(written);
      await truncate(written, Math.max(0, size - bytes));
      await started.restart();
    },
  };
}

/**
 * Starts a RabbitMQ without plugins, with its own name server. By default it would share a name server with every Erlang process of this
 * machine.
 */
export async function startRabbitmq(): Promise<TestRabbitmq> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-rabbitmq-'));
  await mkdir(join(folder, 'mnesia'));
  await writeFile(join(folder, 'enabled_plugins'), '[].\n');
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    'disk_free_limit.absolute = 1MB\nlog.console.level = info\n',
  );
  const book = PortBook.inMemory();
  const names = await startOnPorts(book, ['epmd'], async ({ epmd: port }) => {
    const args = ['-address', '127.0.0.1', '-port', String(port)];
    const server = await run('/usr/bin/epmd', args, {}, join(folder, 'epmd.log'));
    // The request "n" asks for all registered names. The response begins with the port of the name server.
    await ready('epmd', server, () => answers(port, '\u0000\u0001n', ''));
    return { server, port };
  });
  const started = await restartable(() =>
    startOnPorts(book, ['amqp', 'dist'], async ({ amqp, dist }) => {
      const env = rabbitmqEnv(folder, { amqp, dist, epmd: names.port });
      const server = await run(RABBITMQ_SERVER, [], env, join(folder, 'rabbitmq.log'));
      // RabbitMQ responds to a client's protocol header with a frame of the type "method", on channel 0.
      await ready('RabbitMQ', server, () =>
        answers(amqp, 'AMQP\u0000\u0000\u0009\u0001', '\u0001\u0000\u0000'),
      );
      return { server, port: amqp };
    }),
  );
  const ports = { amqp: started.port, dist: 0, epmd: names.port };
  return {
    ...broker(started, (port) => `amqp://guest:guest@127.0.0.1:${port}`, folder, [names.server]),
    ctl: async (...args) => {
      const { stdout } = await execute(RABBITMQCTL, args, { env: rabbitmqEnv(folder, ports) });
      return stdout;
    },
  };
}

interface Started {
  readonly server: ServerProcess;
  readonly port: number;
}

/**
 * Starts a broker that can be killed and restarted. Each kill or restart waits for the one before. The broker answers shortly before its
 * start has ended. A second restart at that moment would otherwise start another broker next to it, on another port.
 */
async function restartable(start: () => Promise<Started>) {
  let current = await start();
  let last: Promise<void> = Promise.resolve();
  const afterLast = (step: () => Promise<void>): Promise<void> => (last = last.then(step, step));
  const again = async (steps: readonly StopStep[]): Promise<void> => {
    await current.server.stop(steps);
    const { port } = current;
    current = await start();
    if (current.port !== port)
      throw new Error('another process took the port of the test’s broker while it was down');
  };
  return {
    port: current.port,
    kill: () => afterLast(() => current.server.stop([])),
    restart: () => afterLast(() => again([])),
    restartGently: () => afterLast(() => again([['SIGTERM', 60_000]])),
  };
}

function broker(
  started: Awaited<ReturnType<typeof restartable>>,
  url: (port: number) => string,
  folder: string,
  others: readonly ServerProcess[],
): TestBroker {
  return {
    port: started.port,
    url: url(started.port),
    kill: started.kill,
    restart: started.restart,
    restartGently: started.restartGently,
    stop: async () => {
      await started.kill();
      await Promise.all(others.map((other) => other.stop([])));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function rabbitmqEnv(folder: string, ports: { amqp: number; dist: number; epmd: number }) {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    // RabbitMQ stores its cookie in the home folder.
    HOME: folder,
    RABBITMQ_NODENAME: 'pointsman@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.dist),
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none -start_epmd false',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'config'),
    RABBITMQ_FEATURE_FLAGS_FILE: join(folder, 'feature_flags'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_LOGS: '-',
    // Without this setting, the script starts the server as a child process and waits. With it, the script replaces
    // itself with the server (exec), so killing the process ends the server.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}

async function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
): Promise<ServerProcess> {
  const server = await startServerProcess({ file, args, env, logFile });
  endWithTestProcess(server);
  return server;
}

async function ready(name: string, server: ServerProcess, probe: () => Promise<boolean>): Promise<void> {
  try {
    await waitUntilReady(name, server, probe);
  } catch (error) {
    await server.stop([]);
    const taken = error instanceof ServerNotReadyError && /in use|eaddrinuse/i.test(error.logTail);
    throw taken ? new PortTakenError(error.message) : error;
  }
}

/** Whether the server on that port responds to `question` with a text that begins with `beginning`. */
async function answers(port: number, question: string, beginning: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(question, 'latin1'));
  socket.setTimeout(1_000, () => resolve(false));
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  socket.once('data', (data) => resolve(data.toString('latin1').startsWith(beginning)));
  const answered = await promise;
  socket.destroy();
  return answered;
}
