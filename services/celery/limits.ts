/** Limits for tasks sent to Celery. Sizes are bytes. */

export const celeryLimits = {
  /**
   * The maximum size of the arguments of one task. A job has three URLs of at most 2,000 characters, and a few names.
   * Larger arguments contain payloads, which congest a broker and stay in its logs and backups.
   */
  kwargsBytes: 16 * 1024,
  /**
   * The maximum length of a task ID and of a correlation ID, in characters. AMQP stores one of them in a short string
   * of at most 255 bytes.
   */
  idChars: 200,
  /**
   * The maximum number of waiting tasks per Redis queue. Redis keeps an expired task until a worker pops it. A worker
   * this far behind would not start later tasks before their deadlines. RabbitMQ needs no such limit, because it drops
   * each message at its deadline.
   */
  waitingInRedis: 10_000,
} as const;
