/** Bounds of what is enqueued for Celery. Sizes are bytes. */

export const celeryLimits = {
  /**
   * The arguments of one task. A job is three addresses of at most 2,000 characters and a few names; what is larger holds a payload, and
   * payloads congest a broker and stay in its logs and backups.
   */
  kwargsBytes: 16 * 1024,
  /** Characters of a task's id and correlation id. AMQP carries one of them in a short string of at most 255 bytes. */
  idChars: 200,
  /**
   * Tasks that may wait in a queue of Redis, where nothing removes what is past its deadline until a worker takes it. A worker that is so
   * far behind would run none of the later ones in time. RabbitMQ drops each message at its deadline by itself.
   */
  waitingInRedis: 10_000,
} as const;
