-- The number before the first move that is young enough to be told; the last number when none is.
--
-- Whoever moves notes the time before it has its number, so that of moves made at once the first by time need not be the first by number.
-- What stands right before the first by time is therefore told as well, for as long as it is young enough itself.
CREATE OR REPLACE FUNCTION feed_floor(t text, since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  WITH young AS (
    SELECT m.seq FROM moves m WHERE m.tenant = t AND m.moved_at >= since ORDER BY m.moved_at, m.seq LIMIT 1)
  SELECT coalesce(
    (SELECT coalesce(
      (SELECT m.seq FROM moves m WHERE m.tenant = t AND m.seq < young.seq AND m.moved_at < since ORDER BY m.seq DESC LIMIT 1), 0)
      FROM young),
    (SELECT feed_seq FROM tenants WHERE tenant = t))
$$;

UPDATE schema_version SET level = 16;
