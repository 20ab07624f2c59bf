-- Functions that move pointers. The transaction that moves a pointer also notifies the listeners, and its result lists the sinks to notify.
-- The move of a release also settles the release. Nothing therefore depends on a later step.

CREATE FUNCTION put_move(p_pointer pointers, p_kind text, p_version bigint, p_artifact text, p_by text, p_why text, p_at timestamptz,
  p_restores bigint DEFAULT NULL)
RETURNS moves LANGUAGE plpgsql AS $$
DECLARE
  move moves;
BEGIN
  UPDATE tenants SET feed_seq = feed_seq + 1 WHERE tenant = p_pointer.tenant RETURNING feed_seq INTO STRICT move.seq;
  INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, restores, moved_at)
  VALUES (p_pointer.tenant, p_pointer.bundle, p_pointer.channel, p_pointer.generation + 1, move.seq, p_kind, p_pointer.version, p_pointer.digest, p_version, p_artifact, p_by, p_why, p_restores, p_at)
  RETURNING * INTO move;
  UPDATE pointers SET version = p_version, digest = p_artifact, generation = p_pointer.generation + 1, moved_at = p_at
  WHERE (tenant, bundle, channel) = (p_pointer.tenant, p_pointer.bundle, p_pointer.channel) AND generation = p_pointer.generation;
  IF NOT FOUND THEN RAISE EXCEPTION 'pointer %/%/% moved under its lock', p_pointer.tenant, p_pointer.bundle, p_pointer.channel; END IF;
  PERFORM audit(p_pointer.tenant, p_at, p_by, 'move', jsonb_build_object(
    'bundle', p_pointer.bundle, 'channel', p_pointer.channel, 'generation', move.generation, 'from', p_pointer.version, 'to', p_version, 'why', p_why));
  PERFORM notify_readers(p_pointer.tenant, p_pointer.bundle, p_pointer.channel, p_version, 'moved');
  RETURN move;
END $$;

CREATE FUNCTION lock_pointer(p_tenant text, p_bundle text, p_channel text) RETURNS pointers LANGUAGE plpgsql AS $$
DECLARE
  pointer pointers;
BEGIN
  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (p_tenant, p_bundle, p_channel) FOR UPDATE;
  IF FOUND THEN RETURN pointer; END IF;
  -- If another transaction inserts the pointer's row at the same time, this INSERT waits for that transaction and then does nothing. The
  -- SELECT then locks the row.
  INSERT INTO pointers (tenant, bundle, channel) VALUES (p_tenant, p_bundle, p_channel) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT pointer FROM pointers WHERE (tenant, bundle, channel) = (p_tenant, p_bundle, p_channel) FOR UPDATE;
  RETURN pointer;
END $$;

-- Moves the pointer for a release if all conditions are met, and settles the release. If the pointer refers to the artifact of the release
-- already, the release settles as unchanged, whatever a hold, a gate or a sink says, because nothing moves. If required sinks block the move, they are stored in
-- the release's `blocked_by`. Sinks that only need a new health check are not stored.
CREATE FUNCTION move_by_release(p_tenant text, p_bundle text, p_channel text, p_version bigint, p_expected bigint, p_at timestamptz, p_health_max_age interval) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
  pointer pointers;
  move moves;
  refusal jsonb;
  sinks_known jsonb;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF release.generation IS NOT NULL THEN RETURN jsonb_build_object('kind', 'moved', 'generation', release.generation, 'seq', release.seq); END IF;
  IF release.same_as IS NOT NULL THEN RETURN jsonb_build_object('kind', 'unchanged', 'version', release.same_as); END IF;
  IF NOT may_advance(release) OR release.digest IS NULL THEN RETURN '{"kind": "not_current"}'; END IF;
  pointer := lock_pointer(p_tenant, p_bundle, p_channel);
  IF release.if_generation <> pointer.generation THEN RETURN jsonb_build_object('kind', 'stale', 'generation', pointer.generation); END IF;
  IF release.digest = pointer.digest THEN
    PERFORM settle_unchanged(release, pointer.version, p_at);
    RETURN jsonb_build_object('kind', 'unchanged', 'version', pointer.version);
  END IF;
  IF pointer.hold_reason IS NOT NULL THEN RETURN jsonb_build_object('kind', 'held', 'reason', pointer.hold_reason); END IF;
  IF p_expected <> pointer.generation THEN RETURN jsonb_build_object('kind', 'state_behind', 'generation', pointer.generation); END IF;
  -- Locks the tenant's row, as put_policy does. No new policy can therefore be stored between the check of the gates and the move.
  PERFORM FROM tenants WHERE tenant = p_tenant FOR NO KEY UPDATE;
  refusal := coalesce(skipped_gates(release, p_at), blocking_gates(release, pointer));
  IF refusal IS NULL THEN
    refusal := blocking_sinks(p_tenant, p_channel, p_health_max_age);
    IF refusal IS NOT NULL THEN
      SELECT jsonb_agg(blocking) INTO sinks_known FROM jsonb_array_elements(refusal) blocking WHERE blocking->>'cause' <> 'stale_health';
      IF sinks_known IS NOT NULL THEN PERFORM put_stage(p_tenant, p_bundle, p_version, 'swap', 'running', p_at, NULL); END IF;
      refusal := jsonb_build_object('kind', 'sinks_down', 'sinks', refusal);
    END IF;
  END IF;
  IF refusal IS NOT NULL THEN
    UPDATE releases SET blocked_by = sinks_known WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND blocked_by IS DISTINCT FROM sinks_known;
    RETURN refusal;
  END IF;
  move := put_move(pointer, 'publish', p_version, release.digest, release."by", coalesce(release.message, 'publish'), p_at);
  UPDATE releases SET status = 'settled', outcome = 'published', settled_at = p_at, blocked_by = NULL, generation = move.generation, seq = move.seq
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version);
  INSERT INTO effects (tenant, bundle, version, effect, state, detail, at)
  VALUES (p_tenant, p_bundle, p_version, 'pointer-move', 'done', move.generation::text, p_at), (p_tenant, p_bundle, p_version, 'announcement', 'done', move.seq::text, p_at);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (p_tenant, p_bundle, p_version, 'swap', 'passed', p_at, p_at), (p_tenant, p_bundle, p_version, 'announce', 'passed', p_at, p_at),
    (p_tenant, p_bundle, p_version, 'verify', 'skipped', p_at, p_at)
  -- The swap stage has a row if the release has waited for sinks.
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at;
  PERFORM record_settlement(release, 'published', NULL, p_at);
  RETURN jsonb_build_object('kind', 'moved', 'generation', move.generation, 'seq', move.seq);
END $$;

-- Settles a release whose artifact is live. Its gates are closed, and its artifact stays claimed.
CREATE FUNCTION settle_unchanged(p_release releases, p_same_as bigint, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET status = 'settled', outcome = 'unchanged', same_as = p_same_as, settled_at = p_at, blocked_by = NULL
  WHERE (tenant, bundle, version) = (p_release.tenant, p_release.bundle, p_release.version);
  PERFORM close_gates(p_release.tenant, p_release.bundle, p_release.version, p_at);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  SELECT p_release.tenant, p_release.bundle, p_release.version, s.stage, 'skipped', p_at, p_at FROM unnest('{gate,swap,announce,verify}'::text[]) AS s (stage)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'skipped', finished_at = p_at WHERE stages.state <> 'passed';
  PERFORM record_settlement(p_release, 'unchanged', NULL, p_at);
END $$;

-- Returns the reason why the caller may not move a pointer by hand, or null if nothing blocks the move. Only an admin may bypass the gates
-- of a channel. However, every caller may move a pointer back to a release to which it pointed before. That release passed the gates of its
-- time, and an incident must not wait for an approval or for the end of a freeze. Required sinks that are down block only forward moves.
--
-- The function locks the tenant's row, as put_policy does, before it reads the policy. A policy that was stored earlier therefore applies.
CREATE FUNCTION hand_move_refusal(p_request jsonb, p_pointer pointers, p_version bigint, p_artifact text, p_backwards boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  names jsonb;
  down jsonb;
BEGIN
  IF p_request->'roles' ? 'admin' THEN RETURN NULL; END IF;
  PERFORM FROM tenants WHERE tenant = p_pointer.tenant FOR NO KEY UPDATE;
  latest := policy_now(p_pointer.tenant);
  SELECT jsonb_agg(gate ORDER BY ordinal) INTO names FROM gate_rules(p_pointer.tenant, latest, p_pointer.channel);
  IF names IS NOT NULL THEN
    PERFORM FROM moves WHERE (tenant, bundle, channel, to_version, to_digest) = (p_pointer.tenant, p_pointer.bundle, p_pointer.channel, p_version, p_artifact);
    IF NOT FOUND THEN RETURN jsonb_build_object('kind', 'gated', 'gates', names, 'policy', latest); END IF;
  END IF;
  IF p_backwards THEN RETURN NULL; END IF;
  down := blocking_sinks(p_pointer.tenant, p_pointer.channel, make_interval(secs => (p_request->>'healthMaxAgeMs')::double precision / 1000));
  RETURN CASE WHEN down IS NOT NULL THEN jsonb_build_object('kind', 'sinks_down', 'sinks', down) END;
END $$;

-- Moves a pointer by hand: promotes a release, or restores an earlier move of the pointer. The pointer moves backwards if the restored move
-- is earlier than the move in effect. A hold blocks only forward moves. Otherwise the hold that one rollback sets would block a second
-- rollback that goes further back.
CREATE FUNCTION move_by_hand(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  tenant_name text := p_request->>'tenant';
  bundle_name text := p_request->>'bundle';
  channel_name text := p_request->>'channel';
  release_version bigint := (p_request->>'version')::bigint;
  release releases;
  pointer pointers;
  move moves;
  artifact text;
  back bigint;
  in_effect bigint;
  backwards boolean;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = tenant_name;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO release FROM releases WHERE (tenant, bundle, version) = (tenant_name, bundle_name, release_version) FOR SHARE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  IF release.status <> 'settled' OR release.outcome <> 'published' THEN
    answer := jsonb_build_object('kind', 'not_promotable', 'outcome', CASE release.status WHEN 'settled' THEN release.outcome END);
    IF artifact_for(tenant_name, bundle_name, release_version, channel_name) = artifact_for(tenant_name, bundle_name, release.same_as, channel_name) THEN
      answer := answer || jsonb_build_object('sameAs', release.same_as);
    END IF;
    RETURN answer;
  END IF;
  IF p_request->>'restores' IS NOT NULL THEN
    SELECT coalesce(restores, generation) INTO back FROM moves
    WHERE (tenant, bundle, channel, generation, to_version) = (tenant_name, bundle_name, channel_name, (p_request->>'restores')::bigint, release_version);
    IF NOT FOUND THEN RETURN '{"kind": "no_move"}'; END IF;
  END IF;
  answer := channel_refusal(tenant_name, bundle_name, channel_name, (p_request->>'createChannel')::boolean, (p_request->>'channelLimit')::integer);
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  -- Locks the running releases of the channel, because this move voids their approvals. Every function locks releases before pointers, to
  -- avoid deadlocks.
  PERFORM FROM releases WHERE (tenant, bundle, channel) = (tenant_name, bundle_name, channel_name) AND status = 'running' ORDER BY version FOR UPDATE;
  pointer := lock_pointer(tenant_name, bundle_name, channel_name);
  -- Checks the idempotency key again, because the same request may have been processed while this transaction waited for the lock.
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT coalesce(restores, generation) INTO in_effect FROM moves WHERE (tenant, bundle, channel, generation) = (tenant_name, bundle_name, channel_name, pointer.generation);
  backwards := coalesce(back < in_effect, false);
  IF pointer.hold_reason IS NOT NULL AND NOT backwards THEN RETURN jsonb_build_object('kind', 'held', 'reason', pointer.hold_reason); END IF;
  IF (p_request->>'ifGeneration')::bigint <> pointer.generation THEN RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json(pointer)); END IF;
  artifact := artifact_for(tenant_name, bundle_name, release_version, channel_name);
  IF (pointer.version, pointer.digest) IS DISTINCT FROM (release_version, artifact) THEN
    answer := hand_move_refusal(p_request, pointer, release_version, artifact, backwards);
    IF answer IS NOT NULL THEN RETURN answer; END IF;
    move := put_move(pointer, 'hand', release_version, artifact, p_request->>'by', p_request->>'why', p_at, back);
    PERFORM void_stale(w, p_at) FROM releases w WHERE (w.tenant, w.bundle, w.channel) = (tenant_name, bundle_name, channel_name) AND may_advance(w);
  END IF;
  IF p_request->>'hold' IS NOT NULL THEN PERFORM put_hold(tenant_name, bundle_name, channel_name, p_request->>'hold', p_request->>'by', p_at); END IF;
  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (tenant_name, bundle_name, channel_name);
  IF move.generation IS NULL THEN
    answer := jsonb_build_object('kind', 'unchanged', 'pointer', pointer_json(pointer));
  ELSE
    answer := jsonb_build_object('kind', 'moved', 'pointer', pointer_json(pointer), 'replayed', false);
  END IF;
  INSERT INTO idempotency_keys VALUES (tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM notify_readers(tenant_name, bundle_name, channel_name, release_version, 'moved');
  IF move.generation IS NULL THEN RETURN answer; END IF;
  RETURN answer || jsonb_build_object('notify', jsonb_build_object('seq', move.seq, 'webhooks', webhooks_of(tenant_name)));
END $$;

CREATE FUNCTION put_hold(p_tenant text, p_bundle text, p_channel text, p_reason text, p_by text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pointers SET hold_reason = p_reason, hold_by = CASE WHEN p_reason IS NOT NULL THEN p_by END, hold_at = CASE WHEN p_reason IS NOT NULL THEN p_at END
  WHERE (tenant, bundle, channel) = (p_tenant, p_bundle, p_channel);
  PERFORM audit(p_tenant, p_at, p_by, CASE WHEN p_reason IS NULL THEN 'lift hold' ELSE 'hold' END,
    jsonb_build_object('bundle', p_bundle, 'channel', p_channel, 'reason', p_reason));
END $$;

CREATE FUNCTION set_hold(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  tenant_name text := p_request->>'tenant';
  bundle_name text := p_request->>'bundle';
  channel_name text := p_request->>'channel';
  pointer pointers;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = tenant_name;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM FROM bundles WHERE (tenant, bundle) = (tenant_name, bundle_name);
  IF NOT FOUND THEN RETURN '{"kind": "no_bundle"}'; END IF;
  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (tenant_name, bundle_name, channel_name) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('kind', 'no_channel', 'channels', (SELECT jsonb_agg(channel ORDER BY channel) FROM pointers WHERE (tenant, bundle) = (tenant_name, bundle_name)));
  END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM put_hold(tenant_name, bundle_name, channel_name, p_request->>'reason', p_request->>'by', p_at);
  SELECT * INTO pointer FROM pointers WHERE (tenant, bundle, channel) = (tenant_name, bundle_name, channel_name);
  answer := jsonb_build_object('kind', 'done', 'pointer', pointer_json(pointer));
  INSERT INTO idempotency_keys VALUES (tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM notify_readers(tenant_name, bundle_name, channel_name, NULL, 'hold');
  RETURN answer;
END $$;

CREATE FUNCTION pointer_json(p_pointer pointers) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
  'version', p_pointer.version, 'digest', p_pointer.digest, 'generation', coalesce(p_pointer.generation, 0), 'movedAt', iso(p_pointer.moved_at),
  'hold', CASE WHEN p_pointer.hold_reason IS NOT NULL
    THEN jsonb_build_object('reason', p_pointer.hold_reason, 'by', p_pointer.hold_by, 'at', iso(p_pointer.hold_at)) END)
$$;

-- Reads many pointers of a tenant, in the order of the two parallel lists. The result is null for a channel that the bundle lacks.
CREATE FUNCTION find_pointers(p_tenant text, p_bundles text[], p_channels text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(CASE WHEN p.tenant IS NOT NULL THEN pointer_json(p) END ORDER BY asked.n), '[]')
    FROM unnest(p_bundles, p_channels) WITH ORDINALITY AS asked (bundle, channel, n)
    LEFT JOIN LATERAL (SELECT * FROM pointers WHERE (tenant, bundle, channel) = (p_tenant, asked.bundle, asked.channel) OFFSET 0) p ON true);
END $$;
