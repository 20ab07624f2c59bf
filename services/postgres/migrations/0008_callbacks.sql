-- Addresses that the outside world was given, each good for one answer. Rows are locked in the order of 0003, and a callback last.

CREATE DOMAIN callback_purpose AS text CHECK (VALUE IN ('check', 'compile'));
CREATE DOMAIN callback_state AS text CHECK (VALUE IN ('open', 'used', 'revoked'));

CREATE TABLE callbacks (
  tenant text NOT NULL,
  -- The errand for which it was given out: acme/support-bot/v12/compile/1.
  id text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  purpose callback_purpose NOT NULL,
  -- The gate, or the attempt.
  subject text NOT NULL,
  -- Of the capability, which itself is nowhere here. Null where none was given out, and none will be.
  sha256 text UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- Whom an answer wakes: see handlers/answer.ts.
  awakeable_id text,
  wake bigint,
  deadline_at timestamptz NOT NULL,
  state callback_state NOT NULL DEFAULT 'open',
  closed_at timestamptz,
  -- Why it was revoked, and whether the next one would be for the same reason.
  reason text,
  final boolean NOT NULL DEFAULT false,
  answer jsonb,
  fingerprint text,
  uploaded_blobs bigint NOT NULL DEFAULT 0,
  uploaded_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, bundle, version, purpose, subject),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'used') = (answer IS NOT NULL AND fingerprint IS NOT NULL)),
  CHECK ((state = 'revoked') = (reason IS NOT NULL)),
  CHECK (state = 'revoked' OR sha256 IS NOT NULL)
);
ALTER TABLE callbacks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON callbacks USING (tenant = current_setting('pointsman.tenant', true));
CREATE POLICY across_tenants ON callbacks FOR SELECT TO CURRENT_USER USING (true);

-- What was answered, or taken back, stays so.
CREATE FUNCTION guard_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.state, NEW.answer, NEW.fingerprint, NEW.sha256, NEW.reason) IS DISTINCT FROM (OLD.state, OLD.answer, OLD.fingerprint, OLD.sha256, OLD.reason) THEN
    RAISE EXCEPTION 'callback % has been %', OLD.id, OLD.state USING ERRCODE = 'PM005';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER one_answer BEFORE UPDATE ON callbacks FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION guard_callback();

-- Whoever ends a release, or moves its pointer, by whatever way: nobody listens from then on.
CREATE FUNCTION stop_listening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE callbacks SET state = 'revoked', closed_at = clock_timestamp(),
    reason = CASE WHEN NEW.closing THEN 'its release has been closed' ELSE 'its release has been published' END
  WHERE (tenant, bundle, version) = (NEW.tenant, NEW.bundle, NEW.version) AND state = 'open';
  RETURN NULL;
END $$;
CREATE TRIGGER ended_is_deaf AFTER UPDATE ON releases FOR EACH ROW
  WHEN ((NEW.closing AND NOT OLD.closing) OR (NEW.generation IS NOT NULL AND OLD.generation IS NULL)) EXECUTE FUNCTION stop_listening();

-- Whose capability has that hash: the one look across tenants.
CREATE FUNCTION find_callback(hash text) RETURNS TABLE (tenant text, id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT c.tenant, c.id FROM callbacks c WHERE c.sha256 = hash
$$;

CREATE FUNCTION awaits_answers(r releases) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT r.status = 'running' AND NOT r.closing AND r.intent IS NULL AND r.generation IS NULL
$$;

-- Opens the errand's callback and begins its line in the ledger. See OpenedCallback in handlers/callback-deps.ts.
CREATE FUNCTION open_callback(t text, b text, v bigint, q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  until timestamptz := to_timestamp((q->>'deadlineMs')::double precision / 1000);
  opened jsonb;
  r releases;
  c callbacks;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  opened := jsonb_build_object('kind', 'open', 'channel', r.channel, 'digest', r.digest);
  IF NOT awaits_answers(r) THEN RETURN '{"kind": "over"}'; END IF;
  IF q->>'purpose' = 'check' THEN
    PERFORM FROM gates WHERE (tenant, bundle, version, gate) = (t, b, v, q->>'subject') AND state = 'open';
    IF NOT FOUND THEN RETURN '{"kind": "over"}'; END IF;
  END IF;
  SELECT * INTO c FROM callbacks WHERE (tenant, id) = (t, q->>'id');
  IF NOT FOUND THEN
    INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, sha256, awakeable_id, deadline_at)
    VALUES (t, q->>'id', b, v, q->>'purpose', q->>'subject', q->>'sha256', q->>'awakeableId', until);
    PERFORM put_effect(t, b, v, request_effect(q->>'purpose'), 'begun', q->>'detail', at, q->>'subject');
    RETURN opened;
  END IF;
  -- Who waits now may be another one than at first: Restate's data was lost, and the release has begun anew.
  UPDATE callbacks SET awakeable_id = q->>'awakeableId', deadline_at = until WHERE (tenant, id) = (t, c.id);
  IF c.state <> 'open' THEN RETURN '{"kind": "over"}'; END IF;
  IF c.sha256 = q->>'sha256' THEN RETURN opened; END IF;
  -- A request that has arrived keeps its capability; one that may have got lost, and its capability with it, is made with the new one.
  PERFORM FROM effects WHERE (tenant, bundle, version, effect, subject) = (t, b, v, request_effect(c.purpose), c.subject) AND state = 'done';
  IF FOUND THEN RETURN '{"kind": "asked"}'; END IF;
  UPDATE callbacks SET sha256 = q->>'sha256' WHERE (tenant, id) = (t, c.id);
  RETURN opened;
END $$;

CREATE FUNCTION request_effect(purpose text) RETURNS text LANGUAGE sql IMMUTABLE RETURN purpose || '-request';

-- What is known of a request that had begun. What was undone meanwhile stays undone.
CREATE FUNCTION note_request(t text, b text, v bigint, purpose text, of_what text, how text, what text, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE effects SET state = how, detail = what, at = note_request.at
  WHERE (tenant, bundle, version, effect, subject) = (t, b, v, request_effect(purpose), of_what) AND state = 'begun'
$$;

-- The request did not arrive, as far as whoever made it knows. Said twice it is said once.
CREATE FUNCTION give_up_callback(t text, b text, v bigint, named text, why text, is_final boolean, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  c callbacks;
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  UPDATE callbacks SET state = 'revoked', closed_at = at, reason = why, final = is_final WHERE (tenant, id) = (t, named) AND state = 'open';
  SELECT * INTO STRICT c FROM callbacks WHERE (tenant, id) = (t, named);
  IF c.state = 'revoked' THEN PERFORM note_request(t, b, v, c.purpose, c.subject, 'failed', why, at); END IF;
  RETURN c.state = 'revoked' AND c.reason = why;
END $$;

-- Why the address takes nothing (more), or what was taken, to be told again; null when it is open. `said` null: nobody is saying anything.
-- See CallbackRefusal in handlers/contract.ts.
CREATE FUNCTION callback_refuses(c callbacks, r releases, said text, at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN c.state = 'used' AND c.fingerprint = said
      THEN jsonb_build_object('kind', 'taken', 'replayed', true, 'awakeableId', c.awakeable_id, 'wake', c.wake)
    WHEN c.state = 'used'
      THEN jsonb_build_object('kind', 'used', 'said', coalesce(c.answer->>'conclusion', c.answer->>'status'), 'at', iso(c.closed_at))
    WHEN c.deadline_at <= at THEN jsonb_build_object('kind', 'expired', 'deadlineAt', iso(c.deadline_at))
    WHEN c.state = 'revoked' THEN jsonb_build_object('kind', 'revoked', 'reason', c.reason)
    WHEN NOT awaits_answers(r) THEN jsonb_build_object('kind', 'revoked', 'reason', coalesce(r.intent_reason, 'its release has ended'))
  END
$$;

CREATE FUNCTION look_at_callback(t text, named text, said text, at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('bundle', c.bundle, 'version', c.version, 'purpose', c.purpose, 'source', r.source,
    'refusal', callback_refuses(c, r, said, at))
  FROM callbacks c JOIN releases r USING (tenant, bundle, version) WHERE (c.tenant, c.id) = (t, named)
$$;

-- Takes what was said, once. A check's word goes the way of every other word on a gate. See AnsweredCallback in handlers/callback-deps.ts.
CREATE FUNCTION answer_callback(t text, b text, v bigint, named text, report jsonb, print text, request text, at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  c callbacks;
  settled jsonb;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  SELECT * INTO STRICT c FROM callbacks WHERE (tenant, id) = (t, named) FOR UPDATE;
  IF (c.bundle, c.version) <> (b, v) THEN RAISE EXCEPTION 'callback % is of another release than %/%/v%', named, t, b, v; END IF;
  settled := callback_refuses(c, r, print, at);
  IF settled IS NOT NULL THEN RETURN settled; END IF;
  IF c.purpose = 'check' THEN
    settled := hear(jsonb_build_object('tenant', t, 'bundle', b, 'version', v, 'kind', 'check', 'gate', c.subject, 'word', report->>'conclusion',
      'digest', NULL, 'roles', '[]'::jsonb, 'comment', report->>'summary', 'url', report->>'url', 'by', 'callback/' || c.subject,
      -- That no client can have used before.
      'idempotencyKey', c.sha256 || '/' || print, 'fingerprint', print, 'requestId', request), at);
    IF settled->>'kind' <> 'heard' THEN
      RETURN jsonb_build_object('kind', 'revoked', 'reason', format('the check "%s" needs no answer any more', c.subject));
    END IF;
  ELSE
    PERFORM note(t, at, 'callback/' || c.subject, 'compile answer', jsonb_build_object('bundle', b, 'version', v, 'attempt', c.subject,
      'status', report->>'status', 'artifacts', report->'artifacts', 'requestId', request));
  END IF;
  UPDATE callbacks SET state = 'used', closed_at = at, answer = report, fingerprint = print, wake = (settled->>'wake')::bigint
  WHERE (tenant, id) = (t, named) RETURNING * INTO STRICT c;
  -- Whoever answers was asked, whatever the call's own end was.
  PERFORM note_request(t, b, v, c.purpose, c.subject, 'done', 'answered', at);
  RETURN jsonb_build_object('kind', 'taken', 'replayed', false, 'awakeableId', c.awakeable_id, 'wake', c.wake);
END $$;

-- One blob of an upload. What is new to the tenant counts, over all attempts of the release.
CREATE FUNCTION put_callback_blob(t text, named text, name text, type text, bytes bytea, most_blobs bigint, most_bytes bigint, at timestamptz)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  refusal jsonb := look_at_callback(t, named, NULL, at)->'refusal';
  c callbacks;
  blobs_now bigint;
  bytes_now bigint;
BEGIN
  IF refusal <> 'null' THEN RETURN refusal; END IF;
  INSERT INTO blobs (tenant, digest, media_type, size, content) VALUES (t, name, type, octet_length(bytes), bytes) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN '{"kind": "there"}'; END IF;
  UPDATE callbacks SET uploaded_blobs = uploaded_blobs + 1, uploaded_bytes = uploaded_bytes + octet_length(bytes)
  WHERE (tenant, id) = (t, named) AND state = 'open' RETURNING * INTO c;
  SELECT sum(uploaded_blobs), sum(uploaded_bytes) INTO blobs_now, bytes_now FROM callbacks WHERE (tenant, bundle, version) = (t, c.bundle, c.version);
  -- Revoked since the look above, or too much: nothing of it is kept.
  IF c.id IS NULL OR blobs_now > most_blobs OR bytes_now > most_bytes THEN RAISE EXCEPTION 'not taken' USING ERRCODE = 'PM006'; END IF;
  RETURN '{"kind": "stored"}';
EXCEPTION
  WHEN SQLSTATE 'PM006' THEN
    refusal := look_at_callback(t, named, NULL, at)->'refusal';
    RETURN CASE refusal WHEN 'null' THEN '{"kind": "too_much"}' ELSE refusal END;
END $$;

-- The source is for somebody else to judge: here it has passed.
CREATE FUNCTION begin_remote_compile(t text, b text, v bigint, invocation text, valid_began timestamptz, valid_ended timestamptz, began timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE releases SET invocation_id = invocation
  WHERE (tenant, bundle, version) = (t, b, v) AND status = 'running' AND NOT closing;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (t, b, v, 'validate', 'passed', valid_began, valid_ended), (t, b, v, 'compile', 'running', began, NULL)
  ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- How an attempt has ended. One that has no answer ends by this: a request for it that is still on its way finds it revoked.
-- See EndedAttempt in handlers/callback-deps.ts.
CREATE FUNCTION end_attempt(t text, b text, v bigint, named text, attempt text, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  c callbacks;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF NOT awaits_answers(r) THEN RETURN '{"kind": "closed"}'; END IF;
  INSERT INTO callbacks (tenant, id, bundle, version, purpose, subject, deadline_at, state, closed_at, reason)
  VALUES (t, named, b, v, 'compile', attempt, at, 'revoked', at, 'the compiler was not even asked before its time was over') ON CONFLICT DO NOTHING;
  UPDATE callbacks SET state = 'revoked', closed_at = at, reason = format('no answer came before %s', iso(deadline_at))
  WHERE (tenant, id) = (t, named) AND state = 'open';
  SELECT * INTO STRICT c FROM callbacks WHERE (tenant, id) = (t, named);
  IF c.state = 'revoked' THEN
    UPDATE effects SET state = 'compensated', at = end_attempt.at
    WHERE (tenant, bundle, version, effect, subject) = (t, b, v, request_effect('compile'), attempt) AND state IN ('begun', 'done');
    RETURN jsonb_build_object('kind', 'failed', 'reason', c.reason, 'final', c.final);
  END IF;
  CASE c.answer->>'status'
    WHEN 'compiled' THEN PERFORM end_compile(t, b, v, 'passed', '[]', at);
    WHEN 'invalid' THEN PERFORM end_compile(t, b, v, 'failed', c.answer->'diagnostics', at);
    WHEN 'failed' THEN RETURN jsonb_build_object('kind', 'failed', 'reason', 'the compiler says: ' || (c.answer->>'message'), 'final', false);
  END CASE;
  RETURN jsonb_build_object('kind', c.answer->>'status', 'artifacts', c.answer->'artifacts', 'diagnostics', c.answer->'diagnostics');
END $$;

CREATE FUNCTION end_compile(t text, b text, v bigint, how text, problems jsonb, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE stages SET state = how, finished_at = at, diagnostics = problems WHERE (tenant, bundle, version, stage) = (t, b, v, 'compile')
$$;

-- From here on nobody listens to what was asked of the world for this release.
CREATE FUNCTION revoke_callbacks(t text, b text, v bigint, what text, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE callbacks SET state = 'revoked', closed_at = at, reason = 'its release has been closed'
  WHERE (tenant, bundle, version, purpose) = (t, b, v, what) AND state = 'open'
$$;

-- Where a release's policy has it compiled; null for here.
CREATE FUNCTION compile_rule(t text, policy bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT nullif(document->'compile', '{"executor": "local"}') FROM policies WHERE (tenant, version) = (t, policy)
$$;

-- A release's source, as load_source gives it, with where it is to be compiled: one message.
CREATE FUNCTION load_release_source(t text, b text, v bigint, named text, few bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT load_source(t, named, few) || jsonb_build_object('executor', compile_rule(t, policy_version))
  FROM releases WHERE (tenant, bundle, version) = (t, b, v)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 8, oldest_process = 8;
