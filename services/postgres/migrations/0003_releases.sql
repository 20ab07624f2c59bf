-- A release's way through the record. Each function is one transaction's whole work, so that a durable step is one round trip, and each
-- finds its own earlier effect when it is repeated. They run with the caller's rights: row-level security applies inside.
--
-- Rows are locked in one order everywhere: release, pointer, tenant.

CREATE FUNCTION iso(at timestamptz) RETURNS text LANGUAGE sql STABLE RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE FUNCTION pointer_json(p pointers) RETURNS jsonb LANGUAGE sql STABLE RETURN jsonb_build_object(
  'version', p.version, 'digest', p.digest, 'generation', coalesce(p.generation, 0), 'movedAt', iso(p.moved_at),
  'hold', CASE WHEN p.hold_reason IS NOT NULL
    THEN jsonb_build_object('reason', p.hold_reason, 'by', p.hold_by, 'at', iso(p.hold_at)) END);

-- What an earlier request under this key was answered; null for a new key.
CREATE FUNCTION replay(of_tenant text, of_key text, of_fingerprint text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN k.fingerprint = of_fingerprint THEN k.answer || '{"replayed": true}' ELSE '{"kind": "key_reused"}' END
  FROM idempotency_keys k WHERE (k.tenant, k.key) = (of_tenant, of_key)
$$;

CREATE FUNCTION admit(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  t text := q->>'tenant';
  b text := q->>'bundle';
  v bigint := (q->>'version')::bigint;
  standing bigint := (q->>'inFlight')::bigint;
  p pointers;
  answer jsonb;
BEGIN
  PERFORM FROM tenants WHERE tenant = t;
  IF NOT FOUND THEN RETURN '{"kind": "no_tenant"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  IF q->>'origin' IS NOT NULL THEN
    answer := origin_refused(t, q->'origin');
    IF answer IS NOT NULL THEN RETURN answer; END IF;
  END IF;

  SELECT * INTO p FROM pointers WHERE (tenant, bundle, channel) = (t, b, q->>'channel');
  IF p.hold_reason IS NOT NULL THEN RETURN jsonb_build_object('kind', 'held', 'reason', p.hold_reason); END IF;
  IF (q->>'ifGeneration')::bigint <> coalesce(p.generation, 0) THEN
    RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json(p));
  END IF;
  IF q->>'placement' <> 'start' AND standing IS NOT NULL THEN
    PERFORM FROM releases WHERE (tenant, bundle, version) = (t, b, standing) AND status = 'settled';
    IF FOUND THEN RETURN '{"kind": "slot_free"}'; END IF;
  END IF;
  IF q->>'placement' = 'reject' THEN RETURN jsonb_build_object('kind', 'conflict', 'version', standing); END IF;
  IF q->>'placement' = 'full' THEN RETURN jsonb_build_object('kind', 'queue_full', 'limit', (q->>'queueLimit')::integer); END IF;

  INSERT INTO bundles (tenant, bundle, created_at) VALUES (t, b, at) ON CONFLICT DO NOTHING;
  -- The number is the object's to give, and the key's to refuse: a taken one means that the object has forgotten something.
  INSERT INTO releases (tenant, bundle, version, channel, status, source, if_generation, policy_version, not_before, message, by,
    idempotency_key, origin, created_at)
  SELECT t, b, v, q->>'channel', CASE q->>'placement' WHEN 'start' THEN 'running' ELSE 'waiting' END, q->>'source',
    (q->>'ifGeneration')::bigint, policy_now(t), to_timestamp((q->>'notBefore')::double precision / 1000), q->>'message', q->>'by',
    q->>'idempotencyKey', nullif(q->'origin', 'null'), at
  WHERE v > coalesce((SELECT max(version) FROM releases WHERE (tenant, bundle) = (t, b)), 0)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    -- Perhaps by this same request, which somebody else has brought here first: the insert has waited for them.
    RETURN coalesce(replay(t, q->>'idempotencyKey', q->>'fingerprint'), '{"kind": "version_taken"}');
  END IF;

  IF q->>'origin' IS NOT NULL THEN PERFORM publish_delivery(t, q->'origin', v, at); END IF;
  IF q->'supersedes' <> '[]' THEN PERFORM supersede(t, b, v, q->'supersedes', at); END IF;
  answer := jsonb_build_object('kind', 'accepted', 'version', v, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM note(t, at, q->>'by', 'publish',
    jsonb_build_object('bundle', b, 'channel', q->>'channel', 'version', v, 'requestId', q->>'requestId'));
  RETURN answer;
END $$;

-- Those in line end here and now, since they did nothing yet. The one in flight is only marked: its own workflow undoes and settles it,
-- unless its pointer has moved or its way has ended already.
CREATE FUNCTION supersede(t text, b text, newer bigint, versions jsonb, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  said text := format('superseded by v%s', newer);
  r releases;
BEGIN
  FOR r IN
    SELECT * FROM releases
    WHERE tenant = t AND bundle = b AND version IN (SELECT jsonb_array_elements_text(versions)::bigint)
      AND status <> 'settled' AND generation IS NULL AND NOT closing AND intent IS NULL
    ORDER BY version FOR UPDATE
  LOOP
    UPDATE releases SET intent = 'superseded', intent_reason = said, superseded_by = newer
    WHERE (tenant, bundle, version) = (t, b, r.version);
    IF r.status = 'waiting' THEN PERFORM end_waiting(r, 'superseded', said, at); END IF;
  END LOOP;
END $$;

CREATE FUNCTION end_waiting(r releases, how text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET status = 'settled', outcome = how, reason = why, settled_at = at
  WHERE (tenant, bundle, version) = (r.tenant, r.bundle, r.version);
  PERFORM tell_commit(r, how, why, at);
  PERFORM note(r.tenant, at, r."by", 'settled', jsonb_build_object('bundle', r.bundle, 'version', r.version, 'outcome', how, 'reason', why));
  PERFORM tell(r.tenant, r.bundle, r.channel, r.version, 'settled');
END $$;

CREATE FUNCTION leave_queue(t text, b text, v bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  stands text;
BEGIN
  UPDATE releases SET status = 'running' WHERE (tenant, bundle, version) = (t, b, v) AND status = 'waiting';
  SELECT status INTO stands FROM releases WHERE (tenant, bundle, version) = (t, b, v);
  RETURN coalesce(stands = 'running', false);
END $$;

CREATE FUNCTION request_cancel(t text, b text, v bigint, who text, why text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  said text := format('cancelled by %s%s', who, coalesce(': ' || why, ''));
BEGIN
  SELECT * INTO r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  -- Saying it twice is saying it once; another last word, or one that is already decided, stands.
  IF r.status = 'settled' AND r.outcome <> 'cancelled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', r.outcome); END IF;
  IF r.generation IS NOT NULL THEN RETURN jsonb_build_object('kind', 'too_late', 'generation', r.generation); END IF;
  IF r.closing AND r.outcome <> 'cancelled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', r.outcome); END IF;
  IF r.intent = 'superseded' THEN RETURN '{"kind": "settled", "outcome": "superseded"}'; END IF;
  IF r.status <> 'settled' AND r.intent IS NULL AND NOT r.closing THEN
    UPDATE releases SET intent = 'cancelled', intent_reason = said WHERE (tenant, bundle, version) = (t, b, v);
    PERFORM note(t, at, who, 'cancel', jsonb_build_object('bundle', b, 'version', v, 'reason', why));
    IF r.status = 'waiting' THEN PERFORM end_waiting(r, 'cancelled', said, at); END IF;
  END IF;
  RETURN '{"kind": "cancelling"}';
END $$;

CREATE FUNCTION read_bundle(t text, b text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH open AS (SELECT * FROM releases WHERE (tenant, bundle) = (t, b) AND status <> 'settled'),
  names AS (SELECT channel FROM open UNION SELECT channel FROM pointers WHERE (tenant, bundle) = (t, b))
  SELECT jsonb_build_object(
    'lastVersion', coalesce((SELECT max(version) FROM releases WHERE (tenant, bundle) = (t, b)), 0),
    'channels', coalesce(jsonb_object_agg(n.channel, jsonb_build_object(
      'generation', coalesce((SELECT generation FROM pointers p WHERE (p.tenant, p.bundle, p.channel) = (t, b, n.channel)), 0),
      'inFlight', (SELECT jsonb_build_object('version', o.version, 'invocationId', o.invocation_id, 'swapped', o.generation IS NOT NULL)
                   FROM open o WHERE o.channel = n.channel AND o.status = 'running' AND o.superseded_by IS NULL ORDER BY o.version DESC LIMIT 1),
      'queue', coalesce((SELECT jsonb_agg(jsonb_build_object('version', o.version, 'source', o.source) ORDER BY o.version)
                         FROM open o WHERE o.channel = n.channel AND o.status = 'waiting'), '[]'))), '{}'))
  FROM names n
$$;

-- A source's listing, with its contents where they are few bytes: one message for a small bundle, which most are. Null for an unknown one.
CREATE FUNCTION load_source(t text, named text, few bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  listing jsonb;
  bytes bigint;
  digests text[];
  contents jsonb;
BEGIN
  SELECT entries INTO listing FROM sources WHERE (tenant, digest) = (t, named);
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT coalesce(sum((e->>'size')::bigint), 0), array_agg(e->>'digest') INTO bytes, digests FROM jsonb_array_elements(listing) e;
  IF bytes <= few THEN
    SELECT jsonb_object_agg(digest, encode(content, 'base64')) INTO contents FROM blobs WHERE tenant = t AND digest = ANY (digests);
  END IF;
  RETURN jsonb_build_object('entries', listing, 'contents', coalesce(contents, '{}'));
END $$;

-- One stage, begun and ended. Refused for a release that is closed, under its row's lock, as is every other forward step.
CREATE FUNCTION record_stage(t text, b text, v bigint, which text, how text, invocation text, began timestamptz, ended timestamptz, problems jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET invocation_id = invocation
  WHERE (tenant, bundle, version) = (t, b, v) AND status = 'running' AND NOT closing;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM put_stage(t, b, v, which, how, began, ended, problems);
  RETURN true;
END $$;

-- The validation and the compilation, with their blobs where these are few: one message for a small bundle, which most are.
CREATE FUNCTION record_compiled(
  t text, b text, v bigint, invocation text, valid_began timestamptz, valid_ended timestamptz, began timestamptz, ended timestamptz,
  digests text[], media_types text[], contents bytea[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET invocation_id = invocation
  WHERE (tenant, bundle, version) = (t, b, v) AND status = 'running' AND NOT closing;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO blobs (tenant, digest, media_type, size, content)
  SELECT t, n.digest, n.media_type, octet_length(n.content), n.content
  FROM unnest(digests, media_types, contents) AS n (digest, media_type, content)
  ON CONFLICT DO NOTHING;
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (t, b, v, 'validate', 'passed', valid_began, valid_ended), (t, b, v, 'compile', 'passed', began, ended)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'passed', finished_at = EXCLUDED.finished_at;
  RETURN true;
END $$;

CREATE FUNCTION put_stage(t text, b text, v bigint, which text, how text, began timestamptz, ended timestamptz, problems jsonb DEFAULT '[]')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO stages VALUES (t, b, v, which, how, began, ended, problems)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = how, finished_at = ended, diagnostics = problems
$$;

CREATE FUNCTION put_effect(t text, b text, v bigint, which text, how text, what text, at timestamptz, of_what text DEFAULT '')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO effects (tenant, bundle, version, effect, subject, state, detail, at) VALUES (t, b, v, which, of_what, how, what, at)
  ON CONFLICT (tenant, bundle, version, effect, subject) DO UPDATE SET state = how, detail = what, at = EXCLUDED.at
$$;

-- Makes known what the manifest names. A blob that is not stored violates a foreign key, and nothing of this happens.
CREATE FUNCTION put_artifact(t text, manifest text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  content jsonb;
BEGIN
  INSERT INTO artifacts VALUES (t, manifest) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT convert_from(blobs.content, 'UTF8')::jsonb INTO STRICT content FROM blobs WHERE (tenant, digest) = (t, manifest);
  INSERT INTO artifact_blobs (tenant, artifact, ordinal, digest, path, size, media_type)
  SELECT t, manifest, d.ordinal, d.item->>'digest', d.item->'annotations'->>'org.opencontainers.image.title',
    (d.item->>'size')::bigint, d.item->>'mediaType'
  FROM (
    SELECT 0 AS ordinal, content->'config' AS item
    UNION ALL
    SELECT l.n::integer, l.item FROM jsonb_array_elements(content->'layers') WITH ORDINALITY AS l (item, n)) d;
END $$;

CREATE FUNCTION store_artifacts(t text, b text, v bigint, on_channel text, made jsonb, invocation text, began timestamptz, ended timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  own text;
  gated boolean;
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (t, b, v) AND status = 'running' AND NOT closing FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "closed"}'; END IF;
  PERFORM put_artifact(t, a->>'digest') FROM jsonb_array_elements(made) a;
  INSERT INTO release_artifacts SELECT t, b, v, coalesce(a->>'channel', ''), a->>'digest' FROM jsonb_array_elements(made) a
  ON CONFLICT DO NOTHING;
  INSERT INTO artifact_claims SELECT DISTINCT t, a->>'digest', b, v FROM jsonb_array_elements(made) a ON CONFLICT DO NOTHING;
  own := artifact_for(t, b, v, on_channel);
  IF own IS NULL THEN RAISE no_data_found USING MESSAGE = format('there is neither a base nor one for channel %s', on_channel); END IF;
  UPDATE releases SET digest = own, invocation_id = invocation WHERE (tenant, bundle, version) = (t, b, v);
  PERFORM put_effect(t, b, v, 'artifact-claim', 'done', own, ended);
  gated := open_gates(t, b, v, ended);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (t, b, v, 'store', 'passed', began, ended),
    (t, b, v, 'gate', CASE WHEN gated THEN 'running' ELSE 'passed' END, ended, CASE WHEN NOT gated THEN ended END)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at
  WHERE stages.state <> 'passed';
  RETURN jsonb_build_object('kind', 'stored', 'digest', own, 'gated', gated);
EXCEPTION
  -- Takes back all of the above.
  WHEN foreign_key_violation OR not_null_violation OR invalid_text_representation OR no_data_found THEN
    RETURN jsonb_build_object('kind', 'broken', 'reason', format('the artifact cannot be stored: %s', SQLERRM));
END $$;

-- What a pointer of that channel names when it names that release: the channel's own artifact, or the base.
CREATE FUNCTION artifact_for(t text, b text, v bigint, on_channel text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT digest FROM release_artifacts
  WHERE (tenant, bundle, version) = (t, b, v) AND channel IN (on_channel, '') ORDER BY channel DESC LIMIT 1
$$;

-- From here on no forward step of this release has an effect, even one whose code is running somewhere right now: each of them reads
-- this row under its lock.
CREATE FUNCTION close_release(t text, b text, v bigint, asked text, yields boolean, why text, at_stage text, at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF r.status = 'settled' THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', r.outcome, 'reason', r.reason); END IF;
  IF r.generation IS NOT NULL THEN RETURN jsonb_build_object('kind', 'moved', 'generation', r.generation, 'seq', r.seq); END IF;
  IF NOT r.closing THEN
    r.outcome := CASE WHEN yields THEN coalesce(r.intent, asked) ELSE asked END;
    r.reason := CASE WHEN yields THEN coalesce(r.intent_reason, why) ELSE why END;
    UPDATE releases SET closing = true, outcome = r.outcome, reason = r.reason WHERE (tenant, bundle, version) = (t, b, v);
    IF at_stage IS NOT NULL THEN
      INSERT INTO stages VALUES (t, b, v, at_stage, 'failed', at, at)
      ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'failed', finished_at = at;
    END IF;
    PERFORM close_gates(t, b, v, at);
  END IF;
  RETURN jsonb_build_object('kind', 'closing', 'outcome', r.outcome, 'reason', r.reason, 'effects', (
    SELECT coalesce(jsonb_agg(s.effect ORDER BY s.at DESC), '[]') FROM standing_effects(t, b, v) s));
END $$;

-- What has to be undone of a release that ends without having moved its pointer. What a commit is told of it is not taken back: its
-- last word follows.
CREATE FUNCTION standing_effects(t text, b text, v bigint) RETURNS TABLE (effect text, at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT e.effect, max(e.at) FROM effects e
  WHERE (e.tenant, e.bundle, e.version) = (t, b, v) AND e.state NOT IN ('compensated', 'failed') AND e.effect <> 'commit-status'
  GROUP BY e.effect
$$;

-- Gives up the claim: the artifact and its blobs are shared with other releases, and stay until nothing claims them. What was asked of
-- the world is undone by no longer listening to its answer.
CREATE FUNCTION undo_effect(t text, b text, v bigint, which text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (t, b, v) AND closing FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'release %/%/v% is not closed, so nothing of it may be undone', t, b, v; END IF;
  CASE which
    WHEN 'artifact-claim' THEN DELETE FROM artifact_claims WHERE (tenant, bundle, version) = (t, b, v);
    WHEN 'check-request' THEN PERFORM revoke_callbacks(t, b, v, 'check', at);
    WHEN 'compile-request' THEN PERFORM revoke_callbacks(t, b, v, 'compile', at);
    ELSE RAISE EXCEPTION 'nobody knows how to undo %', which;
  END CASE;
  UPDATE effects SET state = 'compensated', at = undo_effect.at
  WHERE (tenant, bundle, version, effect) = (t, b, v, which) AND state NOT IN ('compensated', 'failed');
END $$;

-- What is undone stays undone: the note of a failed try may come after the try that succeeded.
CREATE FUNCTION note_undo_failed(t text, b text, v bigint, which text, why text, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE effects SET state = 'compensation_failed', detail = why, at = note_undo_failed.at
  WHERE (tenant, bundle, version, effect) = (t, b, v, which) AND state NOT IN ('compensated', 'failed')
$$;

CREATE FUNCTION settle_release(t text, b text, v bigint, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF r.status <> 'settled' THEN
    IF r.outcome IS NULL THEN RAISE EXCEPTION 'release %/%/v% has neither moved a pointer nor been closed', t, b, v; END IF;
    IF r.closing AND EXISTS (
      SELECT FROM effects WHERE (tenant, bundle, version) = (t, b, v) AND state IN ('begun', 'done') AND effect <> 'commit-status'
    ) THEN
      RAISE EXCEPTION 'release %/%/v% has effects that nobody has tried to undo', t, b, v;
    END IF;
    UPDATE releases SET status = 'settled', settled_at = at WHERE (tenant, bundle, version) = (t, b, v);
    PERFORM tell_commit(r, r.outcome, r.reason, at);
    PERFORM note(t, at, r."by", 'settled', jsonb_build_object('bundle', b, 'version', v, 'outcome', r.outcome, 'reason', r.reason));
    PERFORM tell(t, b, r.channel, v, 'settled');
  END IF;
  RETURN jsonb_build_object('outcome', r.outcome, 'reason', r.reason);
END $$;

CREATE FUNCTION note(t text, at timestamptz, who text, what text, more jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO audit (tenant, at, by, action, detail) VALUES (t, at, who, what, more)
$$;

CREATE FUNCTION tell(t text, b text, c text, v bigint, what text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('pointsman', jsonb_build_object('tenant', t, 'bundle', b, 'channel', c, 'version', v, 'kind', what)::text)
$$;
