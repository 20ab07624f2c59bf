-- What is delivered to sinks, and what waits for them. The writer of a sink (handlers/sink.ts) works under its key alone; these functions
-- are its only way to the rows.

-- Which of the shared streams a tenant's moves are in: see partitionOf in core/sink.ts.
CREATE FUNCTION stream_of(t text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT get_byte(sha256(t::bytea), 31) % 16
$$;
-- What an update of a tenant's row leaves alone, since its name stays.
CREATE INDEX tenants_by_stream ON tenants (stream_of(tenant), tenant);

-- What looks across tenants must see their moves: see the end.
CREATE POLICY across_tenants ON moves FOR SELECT TO CURRENT_USER USING (true);

-- The number before the first move that is young enough to be told; the last number when none is.
CREATE FUNCTION feed_floor(t text, since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT m.seq - 1 FROM moves m WHERE m.tenant = t AND m.moved_at >= since ORDER BY m.moved_at, m.seq LIMIT 1),
    (SELECT feed_seq FROM tenants WHERE tenant = t))
$$;

CREATE FUNCTION recorded_move(m moves) RETURNS jsonb LANGUAGE sql STABLE RETURN jsonb_build_object(
  'bundle', m.bundle, 'channel', m.channel, 'generation', m.generation, 'seq', m.seq,
  'from', CASE WHEN m.from_version IS NOT NULL THEN jsonb_build_object('version', m.from_version, 'digest', m.from_digest) END,
  'to', jsonb_build_object('version', m.to_version, 'digest', m.to_digest), 'movedAt', iso(m.moved_at));

-- A sink as whoever sends through it must know it, with the moves that are due: what comes after the number on record, or after `known` where
-- the record has none yet. What is older than `since` is told to nobody any more. See OpenedSink in services/postgres/sink-deliveries.ts.
CREATE FUNCTION open_sink(t text, s text, known bigint, since timestamptz, most integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  k sinks;
  latest bigint;
  start bigint;
BEGIN
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = t;
  SELECT * INTO k FROM sinks WHERE (tenant, sink) = (t, s);
  IF latest IS NULL OR (k.sink IS NULL AND s NOT IN ('redis', 'rabbitmq')) THEN RETURN '{"kind": "no_sink"}'; END IF;
  -- Never past the feed: its record may have been restored to what it was before.
  start := least(greatest(coalesce(k.delivered_seq, known, 0), feed_floor(t, since)), latest);
  RETURN jsonb_build_object('kind', 'open', 'start', start, 'onRecord', k.delivered_seq, 'latest', latest,
    'paused', CASE WHEN k.paused_at IS NOT NULL THEN format('it is paused by %s%s', k.paused_by, coalesce(': ' || k.pause_reason, '')) END,
    'url', k.url, 'secret', k.secret, 'previousSecret', k.previous_secret, 'previousUntil', iso(k.previous_until),
    'failures', coalesce(k.failures, 0), 'failingSinceMs', epoch_ms(k.failing_since), 'retryAtMs', epoch_ms(k.retry_at), 'lastError', k.last_error,
    'required', (
      SELECT coalesce(jsonb_agg(c.key), '[]') FROM policies p, jsonb_each(p.document->'channels') c
      WHERE (p.tenant, p.version) = (t, policy_now(t)) AND c.value->'sinks'->'required' ? s),
    'moves', (
      SELECT coalesce(jsonb_agg(recorded_move(m) ORDER BY m.seq), '[]')
      FROM (SELECT * FROM moves WHERE tenant = t AND seq > start AND k.paused_at IS NULL ORDER BY seq LIMIT most) m));
END $$;

CREATE FUNCTION find_move(t text, n bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT recorded_move(m) FROM moves m WHERE (m.tenant, m.seq) = (t, n)
$$;

-- A broker's row, made when there is the first word about it. A webhook has its own, or is gone.
CREATE FUNCTION lock_sink(t text, s text, start bigint, at timestamptz) RETURNS sinks LANGUAGE plpgsql AS $$
DECLARE
  k sinks;
BEGIN
  SELECT * INTO k FROM sinks WHERE (tenant, sink) = (t, s) FOR NO KEY UPDATE;
  IF FOUND OR s NOT IN ('redis', 'rabbitmq') THEN RETURN k; END IF;
  INSERT INTO sinks (tenant, sink, kind, delivered_seq, created_by, created_at, updated_by, updated_at)
  VALUES (t, s, s, start, 'pointsman/sink', at, 'pointsman/sink', at) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT k FROM sinks WHERE (tenant, sink) = (t, s) FOR NO KEY UPDATE;
  RETURN k;
END $$;

-- Each try at a webhook; only so many are kept to be looked at.
CREATE FUNCTION put_attempts(t text, s text, attempts jsonb, keep integer, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF attempts = '[]' THEN RETURN; END IF;
  INSERT INTO webhook_attempts (tenant, sink, seq, event, delivered, status, summary, took_ms, at)
  SELECT t, s, (a->>'seq')::bigint, a->>'event', (a->>'delivered')::boolean, (a->>'status')::integer, a->>'summary', (a->>'tookMs')::integer, at
  FROM jsonb_array_elements(attempts) WITH ORDINALITY AS n (a, i) ORDER BY i;
  DELETE FROM webhook_attempts WHERE (tenant, sink) = (t, s) AND n <= (
    SELECT w.n FROM webhook_attempts w WHERE (w.tenant, w.sink) = (t, s) ORDER BY w.n DESC OFFSET keep LIMIT 1);
END $$;

-- What one step of the writer has come to. `failed` is null when all that it tried has arrived; with `pause` nobody tries again by himself.
CREATE FUNCTION record_delivery(t text, q jsonb, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  k sinks := lock_sink(t, q->>'sink', (q->>'start')::bigint, at);
  seq bigint := (q->>'seq')::bigint;
  failed jsonb := nullif(q->'failed', 'null');
  why text := q->>'pause';
BEGIN
  -- Deleted meanwhile.
  IF k.sink IS NULL THEN RETURN; END IF;
  UPDATE sinks SET delivered_seq = seq, delivered_at = CASE WHEN seq > (q->>'start')::bigint THEN at ELSE delivered_at END,
    failures = coalesce((failed->>'failures')::bigint, 0), failing_since = to_timestamp((failed->>'sinceMs')::double precision / 1000),
    last_error = failed->>'reason', proven_at = CASE WHEN failed IS NULL THEN at ELSE proven_at END,
    retry_at = CASE WHEN why IS NULL THEN to_timestamp((failed->>'retryAtMs')::double precision / 1000) END,
    paused_by = CASE WHEN why IS NULL THEN paused_by ELSE 'pointsman/sink' END,
    paused_at = CASE WHEN why IS NULL THEN paused_at ELSE at END,
    pause_reason = coalesce(why, pause_reason)
  WHERE (tenant, sink) = (t, k.sink);
  PERFORM put_attempts(t, k.sink, q->'attempts', (q->>'keep')::integer, at);
  IF why IS NOT NULL THEN
    PERFORM note(t, at, 'pointsman/sink', 'pause sink', jsonb_build_object('sink', k.sink, 'reason', why));
  END IF;
END $$;

-- What was seen of a sink beside its deliveries. One that is well and has nothing to deliver fails no more; where something is still due, only
-- its delivery shows that.
CREATE FUNCTION record_look(t text, q jsonb, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  k sinks := lock_sink(t, q->>'sink', (q->>'start')::bigint, at);
  latest bigint;
BEGIN
  IF k.sink IS NULL THEN RETURN; END IF;
  IF q->>'failed' IS NULL THEN
    SELECT feed_seq INTO STRICT latest FROM tenants WHERE tenant = t;
    UPDATE sinks SET proven_at = at WHERE (tenant, sink) = (t, k.sink);
    UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL
    WHERE (tenant, sink) = (t, k.sink) AND delivered_seq >= latest;
  ELSE
    UPDATE sinks SET failures = failures + 1, failing_since = coalesce(failing_since, at), last_error = q->>'failed',
      retry_at = coalesce(to_timestamp((q->>'retryAtMs')::double precision / 1000), retry_at)
    WHERE (tenant, sink) = (t, k.sink);
  END IF;
  PERFORM put_attempts(t, k.sink, q->'attempts', (q->>'keep')::integer, at);
  IF q->>'by' IS NOT NULL THEN
    PERFORM note(t, at, q->>'by', q->>'action', jsonb_build_object('sink', k.sink, 'event', q->>'event', 'requestId', q->>'requestId'));
  END IF;
END $$;

-- Pauses, resumes or rewinds, once for its key. The answer says where the sink stands now, for the writer's state, whichever request it was.
CREATE FUNCTION steer_sink(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  k sinks;
  oldest bigint := feed_floor(t, (q->>'since')::timestamptz);
  latest bigint;
  later_than bigint := (q->'steer'->>'after')::bigint;
  answer jsonb;
BEGIN
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = t;
  IF NOT FOUND THEN RETURN '{"kind": "no_sink"}'; END IF;
  k := lock_sink(t, q->>'sink', oldest, at);
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer->>'kind' = 'done' THEN RETURN answer || jsonb_build_object('seq', k.delivered_seq, 'latest', latest); END IF;
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF k.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  IF later_than > latest THEN RETURN jsonb_build_object('kind', 'ahead', 'latest', latest); END IF;
  IF later_than < oldest THEN RETURN jsonb_build_object('kind', 'expired', 'oldest', oldest, 'latest', latest); END IF;
  CASE q->'steer'->>'kind'
    WHEN 'pause' THEN
      UPDATE sinks SET paused_by = q->>'by', paused_at = at, pause_reason = q->'steer'->>'reason', retry_at = NULL
      WHERE (tenant, sink) = (t, k.sink);
    WHEN 'resume' THEN
      UPDATE sinks SET paused_by = NULL, paused_at = NULL, pause_reason = NULL, failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL
      WHERE (tenant, sink) = (t, k.sink);
    WHEN 'replay' THEN
      UPDATE sinks SET delivered_seq = later_than WHERE (tenant, sink) = (t, k.sink) RETURNING * INTO k;
  END CASE;
  answer := '{"kind": "done", "replayed": false}';
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM note(t, at, q->>'by', format('%s sink', q->'steer'->>'kind'),
    jsonb_build_object('sink', k.sink, 'requestId', q->>'requestId') || ((q->'steer') - 'kind'));
  RETURN answer || jsonb_build_object('seq', k.delivered_seq, 'latest', latest);
END $$;

-- Freezing: what the tenant's policy of now requires of this channel's sinks, and is not seen to be so. Null when nothing is in the way, or when
-- the channel goes on without them. `known`: not for want of a look.
CREATE FUNCTION sink_bar(t text, c text, at timestamptz, proven interval) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_agg(jsonb_build_object('sink', n.sink,
      'known', k.sink IS NULL AND n.sink NOT IN ('redis', 'rabbitmq') OR k.paused_at IS NOT NULL OR coalesce(k.failures, 0) > 0,
    'why', CASE
      WHEN k.sink IS NULL AND n.sink NOT IN ('redis', 'rabbitmq') THEN 'there is no webhook of that name'
      WHEN k.paused_at IS NOT NULL THEN format('it is paused by %s%s', k.paused_by, coalesce(': ' || k.pause_reason, ''))
      WHEN k.failures > 0 THEN format('it has failed since %s: %s', iso(k.failing_since), k.last_error)
      ELSE 'nobody has seen lately that it is well' END) ORDER BY n.i)
  FROM policies p, jsonb_array_elements_text(p.document->'channels'->c->'sinks'->'required') WITH ORDINALITY AS n (sink, i)
  LEFT JOIN sinks k ON (k.tenant, k.sink) = (t, n.sink)
  WHERE (p.tenant, p.version) = (t, policy_now(t)) AND p.document->'channels'->c->'sinks'->>'whenDown' = 'freeze'
    AND NOT coalesce(k.paused_at IS NULL AND k.failures = 0 AND k.proven_at > at - proven, false)
$$;

DROP FUNCTION move_by_release(text, text, text, bigint, bigint, timestamptz);

-- As before, and not while a sink is down that must be well. While a release waits for one, its reason says why.
CREATE FUNCTION move_by_release(t text, b text, c text, v bigint, expected bigint, at timestamptz, proven interval) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  p pointers;
  m moves;
  barred jsonb;
  why text;
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
  IF barred IS NULL THEN
    barred := sink_bar(t, c, at, proven);
    IF barred IS NOT NULL THEN
      SELECT 'waits for ' || string_agg(format('the sink "%s": %s', d->>'sink', d->>'why'), '; ') INTO why
      FROM jsonb_array_elements(barred) d WHERE (d->>'known')::boolean;
      IF why IS NOT NULL THEN PERFORM put_stage(t, b, v, 'swap', 'running', at, NULL); END IF;
      barred := jsonb_build_object('kind', 'sinks_down', 'sinks', barred);
    END IF;
  END IF;
  IF barred IS NOT NULL THEN
    UPDATE releases SET reason = why WHERE (tenant, bundle, version) = (t, b, v) AND reason IS DISTINCT FROM why;
    RETURN barred;
  END IF;
  m := put_move(p, 'publish', v, r.digest, r."by", coalesce(r.message, 'publish'), at);
  UPDATE releases SET outcome = 'published', reason = NULL, generation = m.generation, seq = m.seq WHERE (tenant, bundle, version) = (t, b, v);
  PERFORM put_effect(t, b, v, 'pointer-move', 'done', format('generation %s', m.generation), at);
  PERFORM put_stage(t, b, v, 'swap', 'passed', at, at);
  RETURN jsonb_build_object('kind', 'moved', 'generation', m.generation, 'seq', m.seq);
END $$;

-- The webhooks that a move is told to.
CREATE FUNCTION webhooks_of(t text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(sink ORDER BY sink), '[]') FROM sinks WHERE tenant = t AND kind = 'webhook' AND paused_at IS NULL
$$;

DROP FUNCTION announce(text, text, bigint, timestamptz, timestamptz);

-- As before. The answer says whom to wake: see Announced in services/postgres/moves.ts.
CREATE FUNCTION announce(t text, b text, v bigint, began timestamptz, ended timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
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
  RETURN jsonb_build_object('seq', r.seq, 'webhooks', webhooks_of(t));
END $$;

-- By hand, only an admin goes around the gates of a channel, and around sinks that are down. Anybody may take its pointer back to a release
-- that it has named before, which has passed the gates of its time: an incident must not wait for an approval, or for the end of a freeze. The
-- policy is looked at under the tenant's row lock, under which it is put, so that one that is put first is obeyed. Null when nothing is in the way.
DROP FUNCTION hand_bar(jsonb, pointers, bigint, text);
CREATE FUNCTION hand_bar(q jsonb, p pointers, v bigint, artifact text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  names jsonb;
  down jsonb;
BEGIN
  IF q->'roles' ? 'admin' THEN RETURN NULL; END IF;
  PERFORM FROM tenants WHERE tenant = p.tenant FOR NO KEY UPDATE;
  latest := policy_now(p.tenant);
  SELECT jsonb_agg(gate ORDER BY ordinal) INTO names FROM gate_rules(p.tenant, latest, p.channel);
  IF names IS NOT NULL THEN
    PERFORM FROM moves WHERE (tenant, bundle, channel, to_version, to_digest) = (p.tenant, p.bundle, p.channel, v, artifact);
    IF NOT FOUND THEN RETURN jsonb_build_object('kind', 'gated', 'gates', names, 'policy', latest); END IF;
  END IF;
  down := sink_bar(p.tenant, p.channel, at, make_interval(secs => (q->>'provenMs')::double precision / 1000));
  RETURN CASE WHEN down IS NOT NULL THEN jsonb_build_object('kind', 'sinks_down', 'sinks', down) END;
END $$;

CREATE OR REPLACE FUNCTION move_by_hand(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    answer := hand_bar(q, p, v, artifact, at);
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
  IF m.generation IS NULL THEN RETURN answer; END IF;
  RETURN answer || jsonb_build_object('told', jsonb_build_object('seq', m.seq, 'webhooks', webhooks_of(t)));
END $$;

-- What looks across tenants.

-- Of the next so many tenants, the sinks to which something is due that moved a while ago, and that do not wait for their next try. `last` is
-- null when there are no more tenants.
CREATE FUNCTION sinks_behind(brokers text[], after_tenant text, most integer, moved_before timestamptz, at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  WITH page AS MATERIALIZED (SELECT t.tenant, t.feed_seq FROM tenants t WHERE t.tenant > after_tenant ORDER BY t.tenant LIMIT most)
  SELECT jsonb_build_object(
    'last', (SELECT max(tenant) FROM page HAVING count(*) = most),
    'behind', (SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', p.tenant, 'sink', n.sink, 'seq', p.feed_seq) ORDER BY p.tenant, n.sink), '[]')
      FROM page p CROSS JOIN LATERAL (
        SELECT k.sink, k.delivered_seq FROM sinks k
        WHERE k.tenant = p.tenant AND k.delivered_seq < p.feed_seq AND k.paused_at IS NULL AND (k.retry_at IS NULL OR k.retry_at <= at)
          AND (k.kind = 'webhook' OR k.sink = ANY (brokers))
        UNION ALL
        SELECT b, 0 FROM unnest(brokers) b
        WHERE p.feed_seq > 0 AND NOT EXISTS (SELECT FROM sinks k WHERE (k.tenant, k.sink) = (p.tenant, b))) n
      JOIN moves m ON (m.tenant, m.seq) = (p.tenant, n.delivered_seq + 1) AND m.moved_at < moved_before))
$$;

-- Tenants of one shared stream to which something is due.
CREATE FUNCTION stream_behind(broker text, stream integer, most integer)
RETURNS TABLE (tenant text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.tenant, t.feed_seq FROM tenants t LEFT JOIN sinks k ON (k.tenant, k.sink) = (t.tenant, broker)
  WHERE stream_of(t.tenant) = stream AND t.feed_seq > coalesce(k.delivered_seq, 0) AND k.paused_at IS NULL
  ORDER BY t.tenant LIMIT most
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 11, oldest_process = 11;
