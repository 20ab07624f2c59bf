-- Functions for deliveries to sinks, and for the sinks that block a move. Each sink has one writer, which is the Restate object Sink with
-- the sink's key (handlers/sink/sink.ts). The writer accesses the rows only through these functions.

-- The feed number directly before the first move that is recent enough to deliver. If no move is recent enough, this is the last feed
-- number.
--
-- A transaction takes the time of its move before its feed number. Of two concurrent moves, the move with the lower number may therefore
-- have the later time. For this reason, recent moves that directly precede the earliest recent move are delivered as well.
CREATE FUNCTION feed_floor(p_tenant text, p_since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  WITH young AS (
    SELECT m.seq FROM moves m WHERE m.tenant = p_tenant AND m.moved_at >= p_since ORDER BY m.moved_at, m.seq LIMIT 1)
  SELECT coalesce(
    (SELECT coalesce(
      (SELECT m.seq FROM moves m WHERE m.tenant = p_tenant AND m.seq < young.seq AND m.moved_at < p_since ORDER BY m.seq DESC LIMIT 1), 0)
      FROM young),
    (SELECT feed_seq FROM tenants WHERE tenant = p_tenant))
$$;

CREATE FUNCTION recorded_move(p_move moves) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
  'bundle', p_move.bundle, 'channel', p_move.channel, 'generation', p_move.generation, 'seq', p_move.seq,
  'from', CASE WHEN p_move.from_version IS NOT NULL THEN jsonb_build_object('version', p_move.from_version, 'digest', p_move.from_digest) END,
  'to', jsonb_build_object('version', p_move.to_version, 'digest', p_move.to_digest), 'movedAt', iso(p_move.moved_at))
$$;

-- The health of a sink. It is stored in the webhook's own row, or in the row of the broker's partition, which several tenants share. If the
-- broker refuses only events of this tenant, those failures take precedence. Returns no row if no health is recorded.
CREATE FUNCTION sink_health(p_tenant text, p_sink text)
RETURNS TABLE (failures bigint, failing_since timestamptz, last_error text, retry_at timestamptz, healthy_at timestamptz, shared boolean)
LANGUAGE sql STABLE AS $$
  SELECT k.failures, k.failing_since, k.last_error, k.retry_at, k.healthy_at, false AS shared FROM sinks k
  WHERE (k.tenant, k.sink) = (p_tenant, p_sink) AND (k.kind = 'webhook' OR k.failures > 0)
  UNION ALL
  SELECT s.failures, s.failing_since, s.last_error, s.retry_at, s.healthy_at, true FROM broker_streams s
  WHERE (s.broker, s.stream) = (p_sink, stream_of(p_tenant))
  ORDER BY shared LIMIT 1
$$;

-- Returns the state of a sink and the moves that it must deliver next, in the order of their sequence numbers. The first of them comes after
-- the last move that is recorded as delivered, or after `p_known` if none is recorded. Moves older than `p_since` are not delivered. See OpenedSink in
-- services/postgres/sinks/sink-deliveries.ts.
CREATE FUNCTION open_sink(p_tenant text, p_sink text, p_known bigint, p_since timestamptz, p_most integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  sink_row sinks;
  health_now record;
  latest bigint;
  start bigint;
BEGIN
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = p_tenant;
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink);
  SELECT * INTO health_now FROM sink_health(p_tenant, p_sink);
  IF latest IS NULL OR (sink_row.sink IS NULL AND p_sink NOT IN ('redis', 'rabbitmq')) THEN RETURN '{"kind": "no_sink"}'; END IF;
  -- The start can't be after the end of the feed. After a restore from a backup, the feed may end before the number that the writer knows.
  start := least(greatest(coalesce(sink_row.delivered_seq, p_known, 0), feed_floor(p_tenant, p_since)), latest);
  RETURN jsonb_build_object('kind', 'open', 'openedMs', epoch_ms(clock_timestamp()), 'start', start, 'onRecord', sink_row.delivered_seq, 'latest', latest,
    'paused', CASE WHEN sink_row.paused_at IS NOT NULL THEN jsonb_build_object('by', sink_row.paused_by, 'reason', sink_row.pause_reason) END,
    'url', sink_row.url, 'secret', sink_row.secret, 'previousSecret', sink_row.previous_secret, 'previousUntil', iso(sink_row.previous_until),
    'failures', coalesce(health_now.failures, 0), 'shared', coalesce(health_now.shared, false), 'failingSinceMs', epoch_ms(health_now.failing_since), 'retryAtMs', epoch_ms(health_now.retry_at), 'lastError', health_now.last_error,
    'required', (
      SELECT coalesce(jsonb_agg(c.key), '[]') FROM policies p, jsonb_each(p.document->'channels') c
      WHERE (p.tenant, p.version) = (p_tenant, policy_now(p_tenant)) AND c.value->'sinks'->'required' ? p_sink),
    'moves', (
      SELECT coalesce(jsonb_agg(recorded_move(m) ORDER BY m.seq), '[]')
      FROM (SELECT * FROM moves WHERE tenant = p_tenant AND seq > start AND sink_row.paused_at IS NULL ORDER BY seq LIMIT p_most) m));
END $$;

CREATE FUNCTION find_move(p_tenant text, p_seq bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT recorded_move(m) FROM moves m WHERE (m.tenant, m.seq) = (p_tenant, p_seq)
$$;

-- Locks and returns the row of a sink. Creates the row of a broker if it is missing. If the row of a webhook is missing, the webhook was
-- deleted.
CREATE FUNCTION lock_sink(p_tenant text, p_sink text, p_start bigint, p_at timestamptz) RETURNS sinks LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks;
BEGIN
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink) FOR NO KEY UPDATE;
  IF FOUND OR p_sink NOT IN ('redis', 'rabbitmq') THEN RETURN sink_row; END IF;
  INSERT INTO sinks (tenant, sink, kind, delivered_seq, created_by, created_at, updated_by, updated_at)
  VALUES (p_tenant, p_sink, p_sink, p_start, 'pointsman/sink', p_at, 'pointsman/sink', p_at) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink) FOR NO KEY UPDATE;
  RETURN sink_row;
END $$;

-- Records attempts to deliver to a webhook. Keeps only the latest `p_keep` attempts.
CREATE FUNCTION put_attempts(p_tenant text, p_sink text, p_attempts jsonb, p_keep integer, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_attempts = '[]' THEN RETURN; END IF;
  INSERT INTO webhook_attempts (tenant, sink, seq, event, delivered, status, summary, took_ms, at)
  SELECT p_tenant, p_sink, (a->>'seq')::bigint, a->>'event', (a->>'delivered')::boolean, (a->>'status')::integer, a->>'summary', (a->>'tookMs')::integer, p_at
  FROM jsonb_array_elements(p_attempts) WITH ORDINALITY AS n (a, i) ORDER BY i;
  DELETE FROM webhook_attempts WHERE (tenant, sink) = (p_tenant, p_sink) AND n <= (
    SELECT w.n FROM webhook_attempts w WHERE (w.tenant, w.sink) = (p_tenant, p_sink) ORDER BY w.n DESC OFFSET p_keep LIMIT 1);
END $$;

-- The later of two times at which a health check succeeded, both by the clock of the database server. Ignores p_before if it is in the
-- future, because the clock has been set back since then.
CREATE FUNCTION later_check(p_before timestamptz, p_new timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT greatest(CASE WHEN p_before <= clock_timestamp() THEN p_before END, p_new)
$$;

-- Records the result of an attempt to deliver to a broker, for all tenants that share the partition. `p_failed` is null if the broker
-- accepted the events.
CREATE FUNCTION put_stream(p_broker text, p_stream integer, p_failed jsonb, p_healthy_at timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO broker_streams AS s (broker, stream, failures, failing_since, last_error, retry_at, healthy_at)
  VALUES (p_broker, p_stream, coalesce((p_failed->>'failures')::bigint, 0), from_epoch_ms(p_failed->'sinceMs'), p_failed->>'reason',
    from_epoch_ms(p_failed->'retryAtMs'), CASE WHEN p_failed IS NULL THEN p_healthy_at END)
  ON CONFLICT (broker, stream) DO UPDATE SET failures = EXCLUDED.failures, failing_since = EXCLUDED.failing_since,
    last_error = EXCLUDED.last_error, retry_at = EXCLUDED.retry_at, healthy_at = later_check(s.healthy_at, EXCLUDED.healthy_at)
$$;

-- Records the result of one step of the sink's writer. `failed` is null if the sink accepted everything that was sent. `failed.whole` is
-- false if the sink refuses only events of this tenant. `healthyAtMs` is the time of the database server before the attempt began, or null
-- if the sink did not respond. `pause` is the reason for pausing the sink; retries then stop until the sink is resumed.
CREATE FUNCTION record_delivery(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks := lock_sink(p_tenant, p_request->>'sink', (p_request->>'start')::bigint, p_at);
  seq bigint := (p_request->>'seq')::bigint;
  failed jsonb := nullif(p_request->'failed', 'null');
  -- The failure to record in the tenant's own row, if any. If a whole broker fails, the failure is recorded in broker_streams instead.
  own jsonb := CASE WHEN sink_row.kind = 'webhook' OR NOT (failed->>'whole')::boolean THEN failed END;
  checked timestamptz := from_epoch_ms(p_request->'healthyAtMs');
  why text := p_request->>'pause';
BEGIN
  -- If the webhook has no row, it has been deleted.
  IF sink_row.sink IS NULL THEN RETURN; END IF;
  UPDATE sinks SET delivered_seq = seq, delivered_at = CASE WHEN seq > (p_request->>'start')::bigint THEN p_at ELSE delivered_at END,
    failures = coalesce((own->>'failures')::bigint, 0), failing_since = from_epoch_ms(own->'sinceMs'), last_error = own->>'reason',
    healthy_at = CASE WHEN sink_row.kind = 'webhook' AND own IS NULL THEN later_check(healthy_at, checked) ELSE healthy_at END,
    retry_at = CASE WHEN why IS NULL THEN from_epoch_ms(own->'retryAtMs') END,
    paused_by = CASE WHEN why IS NULL THEN paused_by ELSE 'pointsman/sink' END,
    paused_at = CASE WHEN why IS NULL THEN paused_at ELSE p_at END,
    pause_reason = coalesce(why, pause_reason)
  WHERE (tenant, sink) = (p_tenant, sink_row.sink);
  -- A step that sent nothing gives no information about the broker. A recorded failure of the broker then stays.
  IF sink_row.kind <> 'webhook' AND (checked IS NOT NULL OR (failed IS NOT NULL AND own IS NULL)) THEN
    PERFORM put_stream(sink_row.kind, stream_of(p_tenant), CASE WHEN own IS NULL THEN failed END, checked);
  END IF;
  PERFORM put_attempts(p_tenant, sink_row.sink, p_request->'attempts', (p_request->>'keep')::integer, p_at);
  IF why IS NOT NULL THEN
    PERFORM audit(p_tenant, p_at, 'pointsman/sink', 'pause sink', jsonb_build_object('sink', sink_row.sink, 'reason', why));
  END IF;
END $$;

-- Records the result of one event that was sent outside the regular deliveries: a test, a redelivery or a health check. If a failing sink
-- accepts this event while moves are due, the sink stays failing, because it may still refuse the moves.
CREATE FUNCTION record_sink_check(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks := lock_sink(p_tenant, p_request->>'sink', (p_request->>'start')::bigint, p_at);
  failed text := p_request->>'failed';
  checked timestamptz := from_epoch_ms(p_request->'healthyAtMs');
  shared boolean := sink_row.kind <> 'webhook' AND (p_request->>'whole')::boolean;
BEGIN
  IF sink_row.sink IS NULL THEN RETURN; END IF;
  IF failed IS NULL THEN
    IF sink_row.kind <> 'webhook' THEN PERFORM record_probe(sink_row.kind, stream_of(p_tenant), p_request, p_at); END IF;
    UPDATE sinks SET healthy_at = later_check(healthy_at, checked) WHERE (tenant, sink) = (p_tenant, sink_row.sink) AND kind = 'webhook';
    UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL
    WHERE (tenant, sink) = (p_tenant, sink_row.sink) AND failures > 0 AND delivered_seq >= (SELECT feed_seq FROM tenants WHERE tenant = p_tenant);
  ELSIF shared THEN
    PERFORM record_probe(sink_row.kind, stream_of(p_tenant), p_request, p_at);
  ELSE
    UPDATE sinks SET failures = failures + 1, failing_since = coalesce(failing_since, p_at), last_error = failed,
      retry_at = coalesce(from_epoch_ms(p_request->'retryAtMs'), retry_at)
    WHERE (tenant, sink) = (p_tenant, sink_row.sink);
  END IF;
  PERFORM put_attempts(p_tenant, sink_row.sink, p_request->'attempts', (p_request->>'keep')::integer, p_at);
  IF p_request->>'by' IS NOT NULL THEN
    PERFORM audit(p_tenant, p_at, p_request->>'by', p_request->>'action', jsonb_build_object('sink', sink_row.sink, 'event', p_request->>'event', 'requestId', p_request->>'requestId'));
  END IF;
END $$;

-- Records a health check of a broker's partition. Returns the reason if the partition is still failing, or null if it is healthy. If a
-- failing broker accepts the check while moves of the partition are due, it stays failing. Only delivering those moves shows that the
-- broker accepts them.
CREATE FUNCTION record_probe(p_broker text, p_stream integer, p_request jsonb, p_at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  stream_row broker_streams;
BEGIN
  SELECT * INTO stream_row FROM broker_streams WHERE (broker, stream) = (p_broker, p_stream) FOR NO KEY UPDATE;
  IF p_request->>'failed' IS NOT NULL THEN
    PERFORM put_stream(p_broker, p_stream, jsonb_build_object('failures', coalesce(stream_row.failures, 0) + 1,
      'sinceMs', epoch_ms(coalesce(stream_row.failing_since, p_at)), 'reason', p_request->>'failed', 'retryAtMs', p_request->'retryAtMs'), NULL);
    RETURN p_request->>'failed';
  END IF;
  IF stream_row.failures > 0 AND EXISTS (SELECT FROM stream_behind(p_broker, p_stream, 1)) THEN
    UPDATE broker_streams SET healthy_at = later_check(healthy_at, from_epoch_ms(p_request->'healthyAtMs')) WHERE (broker, stream) = (p_broker, p_stream);
    RETURN stream_row.last_error;
  END IF;
  PERFORM put_stream(p_broker, p_stream, NULL, from_epoch_ms(p_request->'healthyAtMs'));
  RETURN NULL;
END $$;

-- Pauses, resumes or rewinds a sink, once per idempotency key. The result of a repeated request includes the current position of the sink,
-- which the Sink object copies to its own state.
CREATE FUNCTION control_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks;
  oldest bigint := feed_floor(p_tenant, (p_request->>'since')::timestamptz);
  latest bigint;
  later_than bigint := (p_request->'control'->>'after')::bigint;
  answer jsonb;
BEGIN
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = p_tenant;
  IF NOT FOUND THEN RETURN '{"kind": "no_sink"}'; END IF;
  sink_row := lock_sink(p_tenant, p_request->>'sink', oldest, p_at);
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer->>'kind' = 'done' THEN RETURN answer || jsonb_build_object('seq', sink_row.delivered_seq, 'latest', latest); END IF;
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  IF later_than > latest THEN RETURN jsonb_build_object('kind', 'ahead', 'latest', latest); END IF;
  IF later_than < oldest THEN RETURN jsonb_build_object('kind', 'expired', 'oldest', oldest, 'latest', latest); END IF;
  CASE p_request->'control'->>'kind'
    WHEN 'pause' THEN
      UPDATE sinks SET paused_by = p_request->>'by', paused_at = p_at, pause_reason = p_request->'control'->>'reason', retry_at = NULL
      WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    WHEN 'resume' THEN
      UPDATE sinks SET paused_by = NULL, paused_at = NULL, pause_reason = NULL, failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL
      WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    WHEN 'replay' THEN
      UPDATE sinks SET delivered_seq = later_than, failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL
      WHERE (tenant, sink) = (p_tenant, sink_row.sink) RETURNING * INTO sink_row;
  END CASE;
  answer := '{"kind": "done", "replayed": false}';
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM audit(p_tenant, p_at, p_request->>'by', p_request->>'action',
    jsonb_build_object('sink', sink_row.sink, 'requestId', p_request->>'requestId') || ((p_request->'control') - 'kind'));
  RETURN answer || jsonb_build_object('seq', sink_row.delivered_seq, 'latest', latest);
END $$;

-- The functions below read the data of all tenants.
