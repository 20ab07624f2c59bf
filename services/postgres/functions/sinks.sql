-- Creates or replaces a webhook. A new webhook starts with the next move. If the URL of an existing webhook changes, its cursor stays, so
-- the new URL continues where the old URL stopped. Its failures are cleared, because they concern the old URL.
--
-- If `secret` is null, an existing webhook keeps its secret, and a new webhook gets `madeSecret`. A given secret replaces the current
-- secret in the same way as a rotation.
--
-- Locks the tenant's row, as a move does. No concurrent move can therefore get a number before the start of a new webhook. The locks also
-- serialize concurrent requests. Otherwise two requests could both create the webhook: the first caller would receive an invalid secret,
-- and the tenant could exceed its quota.
CREATE FUNCTION put_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  sink_row sinks;
  answer jsonb;
BEGIN
  PERFORM lock_counts(p_tenant);
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = p_tenant FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_request->>'sink') FOR NO KEY UPDATE;
  answer := coalesce(CASE WHEN NOT FOUND THEN over_quota(p_tenant, 'sinks') END, over_quota(p_tenant, 'changesPerDay'));
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN
    INSERT INTO sinks (tenant, sink, kind, url, secret, delivered_seq, created_by, created_at, updated_by, updated_at)
    VALUES (p_tenant, p_request->>'sink', 'webhook', p_request->>'url', coalesce(p_request->>'secret', p_request->>'madeSecret'), latest, p_request->>'by', p_at, p_request->>'by', p_at);
  ELSE
    UPDATE sinks SET url = p_request->>'url', updated_by = p_request->>'by', updated_at = p_at WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    IF p_request->>'secret' IS NOT NULL THEN PERFORM change_secret(sink_row, p_request->>'secret', (p_request->>'rotationMs')::bigint, p_at); END IF;
    IF sink_row.url <> p_request->>'url' THEN
      UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL, healthy_at = NULL WHERE (tenant, sink) = (p_tenant, sink_row.sink);
    END IF;
  END IF;
  answer := jsonb_build_object('kind', 'saved', 'created', sink_row.sink IS NULL, 'secretMade', sink_row.sink IS NULL AND p_request->>'secret' IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  -- The audit contains only the origin of the URL, because the rest often contains a secret.
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'set sink', jsonb_build_object('sink', p_request->>'sink', 'origin', p_request->>'origin', 'requestId', p_request->>'requestId',
    'newSecret', sink_row.sink IS NULL OR p_request->>'secret' IS NOT NULL));
  RETURN answer;
END $$;

-- Replaces the secret of a webhook. During the rotation, deliveries are signed with both the new and the previous secret. Any older secret
-- is dropped.
CREATE FUNCTION change_secret(p_sink sinks, p_sealed text, p_rotation_ms bigint, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE sinks SET secret = p_sealed, previous_secret = p_sink.secret, previous_until = p_at + make_interval(secs => p_rotation_ms / 1000.0)
  WHERE (tenant, sink) = (p_sink.tenant, p_sink.sink)
$$;

CREATE FUNCTION rotate_sink(p_tenant text, p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  sink_row sinks;
  answer jsonb;
BEGIN
  -- Locks the row first. The second of two concurrent requests with the same key then finds the result of the first.
  SELECT * INTO sink_row FROM sinks WHERE (tenant, sink) = (p_tenant, p_request->>'sink') AND kind = 'webhook' FOR NO KEY UPDATE;
  answer := replay(p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF sink_row.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  PERFORM change_secret(sink_row, p_request->>'secret', (p_request->>'rotationMs')::bigint, p_at);
  UPDATE sinks SET updated_by = p_request->>'by', updated_at = p_at WHERE (tenant, sink) = (p_tenant, sink_row.sink);
  answer := jsonb_build_object('kind', 'rotated', 'replayed', false);
  INSERT INTO idempotency_keys VALUES (p_tenant, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  PERFORM audit(p_tenant, p_at, p_request->>'by', 'rotate sink', jsonb_build_object('sink', sink_row.sink, 'requestId', p_request->>'requestId'));
  RETURN answer;
END $$;

-- Deletes a webhook. Its recorded attempts are deleted by cascade. A tenant can't delete the row of a broker.
CREATE FUNCTION delete_sink(p_tenant text, p_sink text, p_by text, p_request_id text, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sinks WHERE (tenant, sink) = (p_tenant, p_sink) AND kind = 'webhook';
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM audit(p_tenant, p_at, p_by, 'delete sink', jsonb_build_object('sink', p_sink, 'requestId', p_request_id));
  RETURN true;
END $$;

-- The sinks that block a move of this channel; null if no sink blocks it. A sink blocks the move if the tenant's current policy requires it
-- for the channel and it is not known to be healthy. 'stale_health' means that the last successful health check is too old, so that a new
-- check may unblock the sink. See BlockingSink in core/texts/sink-texts.ts.
--
-- The age of a health check is measured with the clock of the database server when the query runs. A time from a worker would be wrong: the
-- clocks of workers differ, and the transaction may wait for a connection or for locks.
CREATE FUNCTION blocking_sinks(p_tenant text, p_channel text, p_health_max_age interval) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  rule jsonb := (SELECT document->'channels'->p_channel->'sinks' FROM policies WHERE tenant = p_tenant ORDER BY version DESC LIMIT 1);
BEGIN
  IF (rule->>'whenDown' = 'freeze') IS NOT TRUE THEN RETURN NULL; END IF;
  RETURN (
    SELECT jsonb_agg(jsonb_build_object('sink', n.sink) || CASE
        WHEN k.sink IS NULL AND n.sink NOT IN ('redis', 'rabbitmq') THEN '{"cause": "missing"}'
        WHEN k.paused_at IS NOT NULL
          THEN jsonb_build_object('cause', 'paused', 'pause', jsonb_build_object('by', k.paused_by, 'reason', k.pause_reason))
        WHEN h.failures > 0 THEN jsonb_build_object('cause', 'failing', 'since', iso(h.failing_since), 'lastError', h.last_error)
        ELSE '{"cause": "stale_health"}' END ORDER BY n.i)
    FROM jsonb_array_elements_text(rule->'required') WITH ORDINALITY AS n (sink, i)
    LEFT JOIN sinks k ON (k.tenant, k.sink) = (p_tenant, n.sink)
    LEFT JOIN LATERAL sink_health(p_tenant, n.sink) h ON true
    WHERE NOT coalesce(k.paused_at IS NULL AND h.failures = 0 AND h.healthy_at > clock_timestamp() - p_health_max_age AND h.healthy_at <= clock_timestamp(), false));
END $$;

-- The webhooks to notify of a move, which are all webhooks that are not paused.
CREATE FUNCTION webhooks_of(p_tenant text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(sink ORDER BY sink), '[]') FROM sinks WHERE tenant = p_tenant AND kind = 'webhook' AND paused_at IS NULL
$$;

-- For the next `p_most` tenants by name: the sinks with a due move from before `p_moved_before`, except sinks that wait for their next
-- attempt. `last` is the name of the last tenant, or null if there are no more tenants.
CREATE FUNCTION sinks_behind(p_brokers text[], p_after_tenant text, p_most integer, p_moved_before timestamptz, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  WITH page AS MATERIALIZED (SELECT t.tenant, t.feed_seq FROM tenants t WHERE t.tenant > p_after_tenant ORDER BY t.tenant LIMIT p_most)
  SELECT jsonb_build_object(
    'last', (SELECT max(tenant) FROM page HAVING count(*) = p_most),
    'behind', (SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', p.tenant, 'sink', n.sink, 'seq', p.feed_seq) ORDER BY p.tenant, n.sink), '[]')
      FROM page p CROSS JOIN LATERAL (
        SELECT k.sink, k.delivered_seq FROM sinks k LEFT JOIN broker_streams s ON (s.broker, s.stream) = (k.kind, stream_of(k.tenant))
        WHERE k.tenant = p.tenant AND k.delivered_seq < p.feed_seq AND k.paused_at IS NULL
          AND coalesce(greatest(k.retry_at, s.retry_at) <= p_at, true) AND (k.kind = 'webhook' OR k.sink = ANY (p_brokers))
        UNION ALL
        SELECT b, 0 FROM unnest(p_brokers) b LEFT JOIN broker_streams s ON (s.broker, s.stream) = (b, stream_of(p.tenant))
        WHERE p.feed_seq > 0 AND coalesce(s.retry_at <= p_at, true)
          AND NOT EXISTS (SELECT FROM sinks k WHERE (k.tenant, k.sink) = (p.tenant, b))) n
      JOIN moves m ON (m.tenant, m.seq) = (p.tenant, n.delivered_seq + 1) AND m.moved_at < p_moved_before))
$$;

-- The tenants of a broker's shared stream that have due moves.
CREATE FUNCTION stream_behind(p_broker text, p_stream integer, p_most integer)
RETURNS TABLE (tenant text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.tenant, t.feed_seq FROM tenants t LEFT JOIN sinks k ON (k.tenant, k.sink) = (t.tenant, p_broker)
  WHERE stream_of(t.tenant) = p_stream AND t.feed_seq > coalesce(k.delivered_seq, 0) AND k.paused_at IS NULL
  ORDER BY t.tenant LIMIT p_most
$$;

-- If the request has moved the pointer, adds the webhooks to notify to its result. Returns any other result unchanged.
CREATE FUNCTION with_webhooks(p_tenant text, p_answer jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p_answer->>'kind' = 'moved' THEN p_answer || jsonb_build_object('webhooks', webhooks_of(p_tenant)) ELSE p_answer END
$$;
