-- Moving pointers. See 0003 for the order of locks.

-- The compare-and-set that everybody goes through. The pointer's row is locked by the caller, and its generation compared. The number of
-- the feed comes under the tenant's row lock, which is held to the commit: whoever reads a number has seen all before it.
CREATE FUNCTION put_move(p pointers, how text, v bigint, artifact text, who text, why text, at timestamptz)
RETURNS moves LANGUAGE plpgsql AS $$
DECLARE
  m moves;
BEGIN
  UPDATE tenants SET feed_seq = feed_seq + 1 WHERE tenant = p.tenant RETURNING feed_seq INTO STRICT m.seq;
  INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, moved_at)
  VALUES (p.tenant, p.bundle, p.channel, p.generation + 1, m.seq, how, p.version, p.digest, v, artifact, who, why, at)
  RETURNING * INTO m;
  UPDATE pointers SET version = v, digest = artifact, generation = p.generation + 1, moved_at = at
  WHERE (tenant, bundle, channel) = (p.tenant, p.bundle, p.channel) AND generation = p.generation;
  IF NOT FOUND THEN RAISE EXCEPTION 'pointer %/%/% moved under its lock', p.tenant, p.bundle, p.channel; END IF;
  PERFORM note(p.tenant, at, who, 'move', jsonb_build_object(
    'bundle', p.bundle, 'channel', p.channel, 'generation', m.generation, 'from', p.version, 'to', v, 'why', why));
  RETURN m;
END $$;

CREATE FUNCTION lock_pointer(t text, b text, c text) RETURNS pointers LANGUAGE plpgsql AS $$
DECLARE
  p pointers;
BEGIN
  SELECT * INTO p FROM pointers WHERE (tenant, bundle, channel) = (t, b, c) FOR UPDATE;
  IF FOUND THEN RETURN p; END IF;
  -- Somebody else may make it meanwhile: then the insert waits for them and does nothing, and theirs is the one to lock.
  INSERT INTO pointers (tenant, bundle, channel) VALUES (t, b, c) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT p FROM pointers WHERE (tenant, bundle, channel) = (t, b, c) FOR UPDATE;
  RETURN p;
END $$;

CREATE FUNCTION move_by_release(t text, b text, c text, v bigint, expected bigint, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  p pointers;
  m moves;
  barred jsonb;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF r.generation IS NOT NULL THEN RETURN jsonb_build_object('kind', 'moved', 'generation', r.generation, 'seq', r.seq); END IF;
  IF r.status <> 'running' OR r.closing OR r.intent IS NOT NULL OR r.digest IS NULL THEN RETURN '{"kind": "not_current"}'; END IF;
  p := lock_pointer(t, b, c);
  IF p.hold_reason IS NOT NULL THEN RETURN jsonb_build_object('kind', 'held', 'reason', p.hold_reason); END IF;
  IF r.if_generation <> p.generation THEN RETURN jsonb_build_object('kind', 'stale', 'generation', p.generation); END IF;
  IF expected <> p.generation THEN RETURN jsonb_build_object('kind', 'state_behind', 'generation', p.generation); END IF;
  -- Under the lock that a new policy is written under: none comes between the look at it and the move.
  PERFORM FROM tenants WHERE tenant = t FOR NO KEY UPDATE;
  barred := gate_bar(r, p);
  IF barred IS NOT NULL THEN RETURN barred; END IF;
  m := put_move(p, 'publish', v, r.digest, r."by", coalesce(r.message, 'publish'), at);
  UPDATE releases SET outcome = 'published', generation = m.generation, seq = m.seq WHERE (tenant, bundle, version) = (t, b, v);
  PERFORM put_effect(t, b, v, 'pointer-move', 'done', format('generation %s', m.generation), at);
  PERFORM put_stage(t, b, v, 'swap', 'passed', at, at);
  RETURN jsonb_build_object('kind', 'moved', 'generation', m.generation, 'seq', m.seq);
END $$;

-- Wakes those who wait. The move itself is the feed's row since the swap; no verification is asked for yet, so that stage passes.
CREATE FUNCTION announce(t text, b text, v bigint, began timestamptz, ended timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  r releases;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v);
  IF r.generation IS NULL THEN RAISE EXCEPTION 'release %/%/v% has not moved its pointer', t, b, v; END IF;
  UPDATE moves SET announced_at = ended
  WHERE (tenant, bundle, channel, generation) = (t, b, r.channel, r.generation) AND announced_at IS NULL;
  PERFORM put_effect(t, b, v, 'announcement', 'done', format('seq %s', r.seq), ended);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (t, b, v, 'announce', 'passed', began, ended), (t, b, v, 'verify', 'passed', ended, ended)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'passed', finished_at = EXCLUDED.finished_at;
  PERFORM tell(t, b, r.channel, v, 'moved');
END $$;

-- By hand, only an admin goes around the gates of a channel. Anybody may take its pointer back to a release that it has named before, which
-- has passed the gates of its time: an incident must not wait for an approval, or for the end of a freeze. The policy is looked at under
-- the tenant's row lock, under which it is put, so that one that is put first is obeyed. Null when nothing is in the way.
CREATE FUNCTION hand_bar(q jsonb, p pointers, v bigint, artifact text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  names jsonb;
BEGIN
  IF q->'roles' ? 'admin' THEN RETURN NULL; END IF;
  PERFORM FROM tenants WHERE tenant = p.tenant FOR NO KEY UPDATE;
  latest := policy_now(p.tenant);
  SELECT jsonb_agg(gate ORDER BY ordinal) INTO names FROM gate_rules(p.tenant, latest, p.channel);
  IF names IS NULL THEN RETURN NULL; END IF;
  PERFORM FROM moves WHERE (tenant, bundle, channel, to_version, to_digest) = (p.tenant, p.bundle, p.channel, v, artifact);
  IF FOUND THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('kind', 'gated', 'gates', names, 'policy', latest);
END $$;

CREATE FUNCTION move_by_hand(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  t text := q->>'tenant';
  b text := q->>'bundle';
  c text := q->>'channel';
  v bigint := (q->>'version')::bigint;
  r releases;
  p pointers;
  m moves;
  artifact text;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = t;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR SHARE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  IF r.status <> 'settled' OR r.outcome <> 'published' THEN
    RETURN jsonb_build_object('kind', 'not_promotable', 'outcome', CASE r.status WHEN 'settled' THEN r.outcome END);
  END IF;
  -- Those whose approvals this move makes void: before the pointer's row, as everywhere.
  PERFORM FROM releases WHERE (tenant, bundle, channel) = (t, b, c) AND status = 'running' ORDER BY version FOR UPDATE;
  p := lock_pointer(t, b, c);
  -- Once more: the lock may have waited for this same request, brought here twice.
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF p.hold_reason IS NOT NULL THEN RETURN jsonb_build_object('kind', 'held', 'reason', p.hold_reason); END IF;
  IF (q->>'ifGeneration')::bigint <> p.generation THEN RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json(p)); END IF;
  artifact := artifact_for(t, b, v, c);
  IF (p.version, p.digest) IS DISTINCT FROM (v, artifact) THEN
    answer := hand_bar(q, p, v, artifact);
    IF answer IS NOT NULL THEN RETURN answer; END IF;
    m := put_move(p, 'hand', v, artifact, q->>'by', q->>'why', at);
    UPDATE moves SET announced_at = at WHERE (tenant, bundle, channel, generation) = (t, b, c, m.generation);
    PERFORM void_stale(w, at) FROM releases w WHERE (w.tenant, w.bundle, w.channel) = (t, b, c) AND w.status = 'running';
  END IF;
  IF q->>'hold' IS NOT NULL THEN PERFORM put_hold(t, b, c, q->>'hold', q->>'by', at); END IF;
  SELECT * INTO p FROM pointers WHERE (tenant, bundle, channel) = (t, b, c);
  IF m.generation IS NULL THEN
    answer := jsonb_build_object('kind', 'unchanged', 'pointer', pointer_json(p));
  ELSE
    answer := jsonb_build_object('kind', 'moved', 'pointer', pointer_json(p), 'replayed', false);
  END IF;
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM tell(t, b, c, v, 'moved');
  RETURN answer;
END $$;

CREATE FUNCTION put_hold(t text, b text, c text, why text, who text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pointers SET hold_reason = why, hold_by = CASE WHEN why IS NOT NULL THEN who END, hold_at = CASE WHEN why IS NOT NULL THEN at END
  WHERE (tenant, bundle, channel) = (t, b, c);
  PERFORM note(t, at, who, CASE WHEN why IS NULL THEN 'lift hold' ELSE 'hold' END,
    jsonb_build_object('bundle', b, 'channel', c, 'reason', why));
END $$;

CREATE FUNCTION set_hold(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  t text := q->>'tenant';
  b text := q->>'bundle';
  c text := q->>'channel';
  p pointers;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = t;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM FROM bundles WHERE (tenant, bundle) = (t, b);
  IF NOT FOUND THEN RETURN '{"kind": "no_bundle"}'; END IF;
  p := lock_pointer(t, b, c);
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM put_hold(t, b, c, q->>'reason', q->>'by', at);
  SELECT * INTO p FROM pointers WHERE (tenant, bundle, channel) = (t, b, c);
  answer := jsonb_build_object('kind', 'done', 'pointer', pointer_json(p));
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM tell(t, b, c, NULL, 'hold');
  RETURN answer;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;
