/** Limits for tasks sent to Celery. Sizes are bytes. */

export const celeryLimits = {
  /**
   * The arguments of one task. A job has three addresses of at most 2,000 characters and a few names.
   * Anything larger contains a payload, and payloads congest a broker and stay in its logs and backups.
   */
  kwargsBytes: 16 * 1024,
  /**
   * Characters of a task ID and of a correlation ID. AMQP stores one of them in a short string of at most 255
   * bytes.
   */
  idChars: 200,
  /**
   * Waiting tasks per Redis queue. Redis removes no expired task until a worker pops it. A worker this far
   * behind would run none of the later tasks in time. RabbitMQ drops each message at its deadline.
   */
  waitingInRedis: 10_000,
} as const;
