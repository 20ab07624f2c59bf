/** Limits for tasks that are sent to Celery. Sizes are in bytes. */

export const celeryLimits = {
  /**
   * The maximum size of the arguments of one task, as JSON. The arguments are three URLs of at most 2,000 characters
   * each, and a few names. Larger arguments would contain file contents, which slow the broker down and end up in its
   * logs and backups.
   */
  kwargsBytes: 16 * 1024,
  /**
   * The maximum length of a task ID and of a correlation ID, in characters. AMQP encodes a message's correlation ID
   * as a short string of at most 255 bytes.
   */
  idChars: 200,
  /**
   * The maximum number of waiting tasks per Redis queue, because Redis keeps an expired task until a worker pops it.
   * With this many tasks ahead, a new task would expire before a worker starts it. RabbitMQ needs no such limit,
   * because it drops each message at its deadline.
   */
  waitingInRedis: 10_000,
} as const;
