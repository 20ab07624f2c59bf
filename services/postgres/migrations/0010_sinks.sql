-- Who is told of moves. Here: what is configured; what is delivered follows in 0011.

CREATE DOMAIN sink_kind AS text CHECK (VALUE IN ('webhook', 'redis', 'rabbitmq'));

-- The rows of brokers are made by the first delivery or the first word about them; those of webhooks by `put_sink`.
CREATE TABLE sinks (
  tenant text NOT NULL REFERENCES tenants,
  sink identifier NOT NULL,
  kind sink_kind NOT NULL,
  -- A webhook's. The secrets are sealed: services/secrets.
  url text,
  secret text,
  previous_secret text,
  previous_until timestamptz,
  -- What the Sink object has in its state, as far as it has told: up to that number of the feed all is delivered.
  delivered_seq bigint NOT NULL,
  delivered_at timestamptz,
  failures bigint NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  retry_at timestamptz,
  -- When it was last seen well: by a delivery, or by a look at it.
  proven_at timestamptz,
  paused_by text,
  paused_at timestamptz,
  pause_reason text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, sink),
  CHECK ((kind = 'webhook') = (url IS NOT NULL)), CHECK ((kind = 'webhook') = (secret IS NOT NULL)),
  CHECK (CASE WHEN kind = 'webhook' THEN sink NOT IN ('redis', 'rabbitmq') ELSE sink = kind END),
  CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
  CHECK ((failures = 0) = (failing_since IS NULL)),
  CHECK ((paused_by IS NULL) = (paused_at IS NULL))
);

-- What became of each try at a webhook.
CREATE TABLE webhook_attempts (
  tenant text NOT NULL,
  sink text NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  -- Null: a test.
  seq bigint,
  -- The event's id.
  event text NOT NULL,
  delivered boolean NOT NULL,
  -- Null: no answer.
  status integer,
  summary text NOT NULL,
  took_ms integer NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, sink, n),
  FOREIGN KEY (tenant, sink) REFERENCES sinks ON DELETE CASCADE
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sinks', 'webhook_attempts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant = current_setting(''pointsman.tenant'', true))', name);
  END LOOP;
  CREATE POLICY across_tenants ON sinks FOR SELECT TO CURRENT_USER USING (true);
END $$;

-- Makes a webhook, or replaces what it is. A new one begins with the next move; of one that is there the cursor stays, since the other
-- address takes over where the first one left off, and its failures go, since they were the first one's.
--
-- `secret` is given, or null; `madeSecret` is for a new webhook that is given none. A given one takes the place of the last as a rotation does.
-- Under the tenant's lock, as a move: then the number at which it begins is one that no move under way comes before, two requests at once
-- do not both make it (the first would have been told a secret that counts no more), and there are no more than may be.
CREATE FUNCTION put_sink(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  latest bigint;
  s sinks;
  answer jsonb;
BEGIN
  SELECT feed_seq INTO latest FROM tenants WHERE tenant = t FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  SELECT * INTO s FROM sinks WHERE (tenant, sink) = (t, q->>'sink') FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    IF (SELECT count(*) FROM sinks WHERE tenant = t AND kind = 'webhook') >= (q->>'most')::integer THEN RETURN '{"kind": "too_many"}'; END IF;
    INSERT INTO sinks (tenant, sink, kind, url, secret, delivered_seq, created_by, created_at, updated_by, updated_at)
    VALUES (t, q->>'sink', 'webhook', q->>'url', coalesce(q->>'secret', q->>'madeSecret'), latest, q->>'by', at, q->>'by', at);
  ELSE
    UPDATE sinks SET url = q->>'url', updated_by = q->>'by', updated_at = at WHERE (tenant, sink) = (t, s.sink);
    IF q->>'secret' IS NOT NULL THEN PERFORM change_secret(s, q->>'secret', (q->>'rotationMs')::bigint, at); END IF;
    IF s.url <> q->>'url' THEN
      UPDATE sinks SET failures = 0, failing_since = NULL, last_error = NULL, retry_at = NULL, proven_at = NULL WHERE (tenant, sink) = (t, s.sink);
    END IF;
  END IF;
  answer := jsonb_build_object('kind', 'saved', 'created', s.sink IS NULL, 'secretMade', s.sink IS NULL AND q->>'secret' IS NULL, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  -- Of the address only where it leads: what stands behind the host is a secret as often as not.
  PERFORM note(t, at, q->>'by', 'set sink', jsonb_build_object('sink', q->>'sink', 'origin', q->>'origin', 'requestId', q->>'requestId',
    'newSecret', s.sink IS NULL OR q->>'secret' IS NOT NULL));
  RETURN answer;
END $$;

-- The secret until now signs beside the new one for a while. The one before it does not any more.
CREATE FUNCTION change_secret(s sinks, sealed text, rotation_ms bigint, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE sinks SET secret = sealed, previous_secret = s.secret, previous_until = at + make_interval(secs => rotation_ms / 1000.0)
  WHERE (tenant, sink) = (s.tenant, s.sink)
$$;

CREATE FUNCTION rotate_sink(t text, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  s sinks;
  answer jsonb;
BEGIN
  -- The row's lock first, so that of two requests under one key the second finds what the first has done.
  SELECT * INTO s FROM sinks WHERE (tenant, sink) = (t, q->>'sink') AND kind = 'webhook' FOR NO KEY UPDATE;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF s.sink IS NULL THEN RETURN '{"kind": "no_sink"}'; END IF;
  PERFORM change_secret(s, q->>'secret', (q->>'rotationMs')::bigint, at);
  UPDATE sinks SET updated_by = q->>'by', updated_at = at WHERE (tenant, sink) = (t, s.sink);
  answer := jsonb_build_object('kind', 'rotated', 'replayed', false);
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM note(t, at, q->>'by', 'rotate sink', jsonb_build_object('sink', s.sink, 'requestId', q->>'requestId'));
  RETURN answer;
END $$;

-- With its attempts. A broker's row is no tenant's to delete.
CREATE FUNCTION delete_sink(t text, s text, who text, request text, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sinks WHERE (tenant, sink) = (t, s) AND kind = 'webhook';
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM note(t, at, who, 'delete sink', jsonb_build_object('sink', s, 'requestId', request));
  RETURN true;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 10, oldest_process = 10;
