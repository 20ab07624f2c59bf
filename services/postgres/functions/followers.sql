-- Records which generation a follower runs, after checking that generation against the recorded moves. Returns the current pointer, which
-- the follower should run. The pointer is read after the moves, so its generation is never lower than the generation of the follower.
CREATE FUNCTION acknowledge(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  bundle_name text := p_request->>'bundle';
  channel_name text := p_request->>'channel';
  who text := p_request->>'by';
  claimed bigint := (p_request->>'generation')::bigint;
  lost_before timestamptz := p_at - (p_request->>'lostMs')::bigint * interval '1 millisecond';
  forgotten_before timestamptz := p_at - (p_request->>'forgottenMs')::bigint * interval '1 millisecond';
  move moves;
  pointer pointers;
  follower_row followers;
  over jsonb;
BEGIN
  SELECT * INTO move FROM moves WHERE (tenant, bundle, channel, generation) = (p_tenant, bundle_name, channel_name, claimed);
  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (p_tenant, bundle_name, channel_name);
  IF NOT FOUND THEN RETURN '{"kind": "no_pointer"}'; END IF;
  IF move.to_digest IS DISTINCT FROM p_request->>'digest' THEN
    RETURN jsonb_build_object('kind', 'wrong', 'digest', move.to_digest, 'pointer', pointer_json(pointer));
  END IF;
  SELECT * INTO follower_row FROM followers WHERE (tenant, bundle, channel, follower) = (p_tenant, bundle_name, channel_name, p_request->>'follower');
  -- A repeated acknowledgement within a second adds no information, so it is not stored.
  IF follower_row."by" = who AND follower_row.generation = claimed AND follower_row.seen_at > p_at - interval '1 second' THEN
    RETURN jsonb_build_object('kind', 'acknowledged', 'pointer', pointer_json(pointer));
  END IF;
  IF follower_row.follower IS NULL THEN
    -- Two concurrent requests may exceed the limit by one follower. That is acceptable, because the limit only stops runaway loops and is
    -- not billed.
    IF (SELECT count(*) FROM followers o WHERE (o.tenant, o.bundle, o.channel) = (p_tenant, bundle_name, channel_name) AND o.seen_at >= forgotten_before)
       >= (p_request->>'most')::integer THEN RETURN '{"kind": "too_many"}'; END IF;
    over := over_quota(p_tenant, 'followers');
    IF over IS NOT NULL THEN
      -- The tenant's quota of followers is exhausted. Deletes expired followers, also of other channels, to make room for the new follower.
      DELETE FROM followers WHERE tenant = p_tenant AND ctid = ANY (ARRAY(
        SELECT o.ctid FROM followers o WHERE o.tenant = p_tenant AND o.seen_at < forgotten_before LIMIT 1000 FOR UPDATE SKIP LOCKED));
      IF NOT FOUND THEN RETURN over; END IF;
    END IF;
    -- Deletes up to 20 expired followers of the channel for each new follower, so that expired rows do not accumulate. Skips a follower
    -- that is acknowledging at this moment. ARRAY makes PostgreSQL run the inner query once. A plain subquery would run for each row of the
    -- table.
    DELETE FROM followers WHERE (tenant, bundle, channel) = (p_tenant, bundle_name, channel_name) AND follower = ANY (ARRAY(
      SELECT o.follower FROM followers o
      WHERE (o.tenant, o.bundle, o.channel) = (p_tenant, bundle_name, channel_name) AND o.seen_at < forgotten_before LIMIT 20 FOR UPDATE SKIP LOCKED));
  END IF;
  -- The row lock decides which token owns the name of the follower. If two tokens use a new name at the same time, the second request waits
  -- and then finds the row of the first.
  INSERT INTO followers (tenant, bundle, channel, follower, generation, digest, since, seen_at, by)
  VALUES (p_tenant, bundle_name, channel_name, p_request->>'follower', claimed, p_request->>'digest', p_at, p_at, who)
  ON CONFLICT (tenant, bundle, channel, follower) DO UPDATE SET
    generation = EXCLUDED.generation, digest = EXCLUDED.digest,
    since = CASE WHEN followers.generation = EXCLUDED.generation THEN followers.since ELSE EXCLUDED.since END,
    seen_at = greatest(followers.seen_at, EXCLUDED.seen_at), by = EXCLUDED."by"
  WHERE followers."by" = EXCLUDED."by" OR followers.seen_at < lost_before;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('kind', 'taken', 'by',
      (SELECT o."by" FROM followers o WHERE (o.tenant, o.bundle, o.channel, o.follower) = (p_tenant, bundle_name, channel_name, p_request->>'follower')));
  END IF;
  RETURN jsonb_build_object('kind', 'acknowledged', 'pointer', pointer_json(pointer));
END $$;
