-- Who runs what: the last word of each runtime that follows a pointer.

CREATE TABLE followers (
  tenant text NOT NULL,
  bundle text NOT NULL,
  channel text NOT NULL,
  follower identifier NOT NULL,
  -- 0 while it runs nothing yet.
  generation bigint NOT NULL,
  digest text,
  -- When it first said that it runs this.
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  by text NOT NULL,
  PRIMARY KEY (tenant, bundle, channel, follower),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  CHECK (generation >= 0),
  CHECK ((generation = 0) = (digest IS NULL))
-- Half-empty pages: each heartbeat updates its row, and with room beside it the update touches no index. For the same reason there is
-- none by seen_at; a channel has so few followers that reading them all is faster than keeping one.
) WITH (fillfactor = 50);
ALTER TABLE followers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON followers USING (tenant = current_setting('pointsman.tenant', true));

-- What a follower says that it runs is held against the record before a word of it is kept. The answer is the pointer that it should run,
-- read after the move that it claims, so that it is never older than that.
CREATE FUNCTION acknowledge(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  b text := q->>'bundle';
  c text := q->>'channel';
  who text := q->>'by';
  claimed bigint := (q->>'generation')::bigint;
  lost_before timestamptz := at - (q->>'lostMs')::bigint * interval '1 millisecond';
  forgotten_before timestamptz := at - (q->>'forgottenMs')::bigint * interval '1 millisecond';
  m moves;
  p pointers;
  f followers;
BEGIN
  SELECT * INTO m FROM moves WHERE (tenant, bundle, channel, generation) = (t, b, c, claimed);
  SELECT * INTO p FROM pointers WHERE (tenant, bundle, channel) = (t, b, c);
  IF NOT FOUND THEN RETURN '{"kind": "no_pointer"}'; END IF;
  IF m.to_digest IS DISTINCT FROM q->>'digest' THEN
    RETURN jsonb_build_object('kind', 'wrong', 'digest', m.to_digest, 'pointer', pointer_json(p));
  END IF;
  SELECT * INTO f FROM followers WHERE (tenant, bundle, channel, follower) = (t, b, c, q->>'follower');
  -- The same, said again at once: nothing would be learnt from writing it.
  IF f."by" = who AND f.generation = claimed AND f.seen_at > at - interval '1 second' THEN
    RETURN jsonb_build_object('kind', 'acknowledged', 'pointer', pointer_json(p));
  END IF;
  IF f.follower IS NULL THEN
    -- Two at once may pass the limit by one: it ends loops, and counts nothing that is paid for.
    IF (SELECT count(*) FROM followers o WHERE (o.tenant, o.bundle, o.channel) = (t, b, c) AND o.seen_at >= forgotten_before)
       >= (q->>'most')::integer THEN RETURN '{"kind": "too_many"}'; END IF;
    -- A few at a time, always more than come: whoever is being heard again meanwhile is passed over. As an array, so that they are looked
    -- for once: as a subquery they were looked for again for each row of the table.
    DELETE FROM followers WHERE (tenant, bundle, channel) = (t, b, c) AND follower = ANY (ARRAY(
      SELECT o.follower FROM followers o
      WHERE (o.tenant, o.bundle, o.channel) = (t, b, c) AND o.seen_at < forgotten_before LIMIT 20 FOR UPDATE SKIP LOCKED));
  END IF;
  -- Whose name it is, is decided under the row's lock: of two tokens that come at once, the second waits and sees the first.
  INSERT INTO followers (tenant, bundle, channel, follower, generation, digest, since, seen_at, by)
  VALUES (t, b, c, q->>'follower', claimed, q->>'digest', at, at, who)
  ON CONFLICT (tenant, bundle, channel, follower) DO UPDATE SET
    generation = EXCLUDED.generation, digest = EXCLUDED.digest,
    since = CASE WHEN followers.generation = EXCLUDED.generation THEN followers.since ELSE EXCLUDED.since END,
    seen_at = greatest(followers.seen_at, EXCLUDED.seen_at), by = EXCLUDED."by"
  WHERE followers."by" = EXCLUDED."by" OR followers.seen_at < lost_before;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('kind', 'taken', 'by',
      (SELECT o."by" FROM followers o WHERE (o.tenant, o.bundle, o.channel, o.follower) = (t, b, c, q->>'follower')));
  END IF;
  RETURN jsonb_build_object('kind', 'acknowledged', 'pointer', pointer_json(p));
END $$;

UPDATE schema_version SET level = 12;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;
