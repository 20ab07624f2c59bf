-- What must be said before the swap, and who said what. A release's gates are its policy's, written down when its artifact is stored.

CREATE DOMAIN gate_kind AS text CHECK (VALUE IN ('approval', 'check', 'window', 'schedule'));
CREATE DOMAIN gate_state AS text CHECK (VALUE IN ('open', 'passed', 'failed', 'expired', 'closed'));
CREATE DOMAIN verdict_word AS text CHECK (VALUE IN ('approve', 'reject', 'success', 'failure'));
CREATE DOMAIN gate_change AS text CHECK (VALUE IN ('opened', 'said', 'voided', 'passed', 'failed', 'expired', 'closed'));

CREATE TABLE gates (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate identifier NOT NULL,
  ordinal integer NOT NULL,
  kind gate_kind NOT NULL,
  -- As the policy has it.
  rule jsonb NOT NULL,
  state gate_state NOT NULL DEFAULT 'open',
  -- An approval is of this artifact in place of what is live at this generation. Words that were said against another one are void.
  base_generation bigint,
  opened_at timestamptz NOT NULL,
  deadline_at timestamptz,
  decided_at timestamptz,
  reason text,
  PRIMARY KEY (tenant, bundle, version, gate),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((kind = 'approval') = (base_generation IS NOT NULL)),
  CHECK ((kind IN ('approval', 'check')) = (deadline_at IS NOT NULL)),
  CHECK ((state = 'open') = (decided_at IS NULL))
);
CREATE INDEX gates_open ON gates (tenant, opened_at, bundle, version, gate) WHERE state = 'open';

CREATE TABLE verdicts (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate text NOT NULL,
  -- 0 for a check, which is of the artifact alone.
  base_generation bigint NOT NULL,
  by text NOT NULL,
  word verdict_word NOT NULL,
  comment text,
  url text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, gate, base_generation, by),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates
);

-- Everything that happened to the gates of a release, numbered under its row's lock: who follows it goes on after the number that he has,
-- whichever process tells him.
CREATE TABLE gate_changes (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  n integer NOT NULL,
  gate text NOT NULL,
  change gate_change NOT NULL,
  base_generation bigint NOT NULL,
  -- Whose verdict it was.
  by text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, n),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates,
  FOREIGN KEY (tenant, bundle, version, gate, base_generation, by) REFERENCES verdicts,
  CHECK ((change = 'said') = (by IS NOT NULL))
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['gates', 'verdicts', 'gate_changes'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant = current_setting(''pointsman.tenant'', true))', name);
  END LOOP;
END $$;

-- A policy's lengths of time: see core/duration.ts.
CREATE FUNCTION span(written text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT make_interval(secs => left(written, -1)::integer * CASE right(written, 1) WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 ELSE 86400 END)
$$;

CREATE FUNCTION gate_rules(t text, policy bigint, c text) RETURNS TABLE (gate text, kind text, rule jsonb, ordinal bigint) LANGUAGE sql STABLE AS $$
  SELECT one.value->>'name', one.key, one.value, g.n
  FROM policies p, jsonb_array_elements(p.document->'channels'->c->'gates') WITH ORDINALITY AS g (item, n), jsonb_each(g.item) one
  WHERE (p.tenant, p.version) = (t, policy)
$$;

CREATE FUNCTION generation_of(t text, b text, c text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT generation FROM pointers WHERE (tenant, bundle, channel) = (t, b, c)), 0)
$$;

-- The caller has the release's row, as has everybody who changes a gate.
CREATE FUNCTION note_gate(g gates, what text, happened timestamptz, who text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO gate_changes
  SELECT g.tenant, g.bundle, g.version, coalesce(max(c.n), 0) + 1, g.gate, what, coalesce(g.base_generation, 0), who, happened
  FROM gate_changes c WHERE (c.tenant, c.bundle, c.version) = (g.tenant, g.bundle, g.version)
$$;

-- Writes down what the release must pass. @returns whether there is anything. Repeated, it finds what it wrote.
CREATE FUNCTION open_gates(t text, b text, v bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  g gates;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v);
  IF r.policy_version = 0 AND r.not_before IS NULL THEN RETURN false; END IF;
  FOR g IN INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, base_generation, opened_at, deadline_at)
    SELECT t, b, v, n.gate, n.ordinal, n.kind, n.rule, CASE n.kind WHEN 'approval' THEN generation_of(t, b, r.channel) END, at,
      at + span(n.rule->>'within')
    FROM gate_rules(t, r.policy_version, r.channel) n
    UNION ALL
    SELECT t, b, v, 'schedule', 0, 'schedule', '{}', NULL, at, NULL WHERE r.not_before > at
    ORDER BY 5
    ON CONFLICT DO NOTHING RETURNING *
  LOOP
    PERFORM note_gate(g, 'opened', at);
  END LOOP;
  RETURN EXISTS (SELECT FROM gates WHERE (tenant, bundle, version) = (t, b, v));
END $$;

CREATE FUNCTION close_gates(t text, b text, v bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  g gates;
BEGIN
  FOR g IN UPDATE gates SET state = 'closed', decided_at = at WHERE (tenant, bundle, version) = (t, b, v) AND state = 'open' RETURNING * LOOP
    PERFORM note_gate(g, 'closed', at);
  END LOOP;
END $$;

-- Approvals that were given while something else was live count no more: those gates are open again, until the deadline that they had.
-- Not by the release's own move, after which nothing is to be approved. The caller has the release's row.
CREATE FUNCTION void_stale(r releases, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  base bigint := generation_of(r.tenant, r.bundle, r.channel);
  g gates;
BEGIN
  IF r.status <> 'running' OR r.closing OR r.generation IS NOT NULL THEN RETURN; END IF;
  FOR g IN UPDATE gates SET base_generation = base, state = 'open', decided_at = NULL, reason = NULL
    WHERE (tenant, bundle, version) = (r.tenant, r.bundle, r.version) AND kind = 'approval' AND state IN ('open', 'passed')
      AND base_generation <> base
    RETURNING *
  LOOP
    PERFORM note_gate(g, 'voided', at);
  END LOOP;
  IF FOUND THEN
    UPDATE stages SET state = 'running', finished_at = NULL
    WHERE (tenant, bundle, version, stage) = (r.tenant, r.bundle, r.version, 'gate') AND state = 'passed';
  END IF;
END $$;

-- What keeps this release from its swap, under the locks of its own row and its pointer's: a gate that has not passed, an approval of
-- another base, or a gate that the policy has gained since. Null when nothing does.
CREATE FUNCTION gate_bar(r releases, p pointers) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  added text;
  latest bigint := policy_now(r.tenant);
BEGIN
  IF r.policy_version = 0 AND latest = 0 AND r.not_before IS NULL THEN RETURN NULL; END IF;
  IF latest <> r.policy_version THEN
    SELECT n.gate INTO added FROM gate_rules(r.tenant, latest, r.channel) n
    WHERE NOT EXISTS (SELECT FROM gates g WHERE (g.tenant, g.bundle, g.version, g.gate) = (r.tenant, r.bundle, r.version, n.gate)
      AND (g.kind::text, g.rule) = (n.kind, n.rule))
    ORDER BY n.ordinal LIMIT 1;
    IF FOUND THEN RETURN jsonb_build_object('kind', 'gate_added', 'gate', added, 'policy', latest); END IF;
  END IF;
  PERFORM FROM gates g WHERE (g.tenant, g.bundle, g.version) = (r.tenant, r.bundle, r.version)
    AND (g.state <> 'passed' OR g.base_generation <> p.generation);
  IF FOUND THEN RETURN '{"kind": "gates_open"}'; END IF;
  RETURN NULL;
END $$;

-- Where a release stands with its gates; what is past its deadline has expired. See GateBoard in handlers/deps.ts.
CREATE FUNCTION look_at_gates(t text, b text, v bigint, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
  g gates;
  standing jsonb;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF r.status <> 'running' OR r.closing OR r.intent IS NOT NULL OR r.generation IS NOT NULL THEN RETURN '{"kind": "closed"}'; END IF;
  PERFORM void_stale(r, at);
  FOR g IN UPDATE gates SET state = CASE WHEN deadline_at <= at THEN 'expired' ELSE 'passed' END, decided_at = at,
      reason = CASE WHEN deadline_at <= at THEN format('nobody answered at the gate "%s" before its deadline, %s', gate, iso(deadline_at)) END
    WHERE (tenant, bundle, version) = (t, b, v) AND state = 'open' AND (deadline_at <= at OR (kind = 'schedule' AND r.not_before <= at))
    RETURNING *
  LOOP
    PERFORM note_gate(g, g.state, at);
  END LOOP;
  SELECT * INTO g FROM gates WHERE (tenant, bundle, version) = (t, b, v) AND state IN ('failed', 'expired') ORDER BY decided_at, ordinal LIMIT 1;
  IF FOUND THEN RETURN jsonb_build_object('kind', 'failed', 'reason', g.reason); END IF;
  SELECT jsonb_agg(jsonb_build_object('gate', gate, 'kind', kind, 'url', rule->>'url',
      'says', gate_says(gates, r) || coalesce(', until ' || iso(deadline_at), ''),
      'deadlineMs', epoch_ms(CASE kind WHEN 'schedule' THEN r.not_before ELSE deadline_at END)) ORDER BY ordinal)
  INTO standing FROM gates WHERE (tenant, bundle, version) = (t, b, v) AND state = 'open' AND kind <> 'window';
  IF standing IS NOT NULL THEN RETURN jsonb_build_object('kind', 'waiting', 'wakes', r.gate_wakes, 'gates', standing); END IF;
  RETURN jsonb_build_object('kind', 'windows', 'wakes', r.gate_wakes, 'windows', (
    SELECT coalesce(jsonb_agg(rule || jsonb_build_object('name', gate) ORDER BY ordinal), '[]') FROM gates
    WHERE (tenant, bundle, version) = (t, b, v) AND kind = 'window'));
END $$;

CREATE FUNCTION epoch_ms(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT round(extract(epoch FROM at) * 1000)::bigint $$;

-- All that had to be said is said, and no window is closed now; or one is, again.
CREATE FUNCTION record_windows(t text, b text, v bigint, closed text[], at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  g gates;
BEGIN
  PERFORM FROM releases
  WHERE (tenant, bundle, version) = (t, b, v) AND status = 'running' AND NOT closing AND generation IS NULL FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  FOR g IN UPDATE gates SET state = CASE WHEN gate = ANY (closed) THEN 'open' ELSE 'passed' END,
      decided_at = CASE WHEN gate = ANY (closed) THEN NULL ELSE at END
    WHERE (tenant, bundle, version) = (t, b, v) AND kind = 'window' AND state <> CASE WHEN gate = ANY (closed) THEN 'open' ELSE 'passed' END
    RETURNING *
  LOOP
    PERFORM note_gate(g, CASE g.state WHEN 'open' THEN 'opened' ELSE 'passed' END, at);
  END LOOP;
  IF closed = '{}' THEN PERFORM pass_gate_stage(t, b, v, at); END IF;
END $$;

CREATE FUNCTION pass_gate_stage(t text, b text, v bigint, at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE stages SET state = 'passed', finished_at = at WHERE (tenant, bundle, version, stage) = (t, b, v, 'gate') AND state = 'running'
$$;

CREATE FUNCTION approvals_of(g gates) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM verdicts w
  WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation) = (g.tenant, g.bundle, g.version, g.gate, g.base_generation) AND w.word = 'approve'
$$;

-- In words, for people: who or what it waits for, or what happened.
CREATE FUNCTION gate_says(g gates, r releases) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN g.state <> 'open' AND g.reason IS NOT NULL THEN g.reason
    WHEN g.state <> 'open' THEN g.state
    WHEN g.kind = 'approval' THEN format('waits for %s of %s approval%s by a token with the role %s%s',
      (g.rule->>'count')::integer - approvals_of(g), g.rule->>'count', CASE g.rule->>'count' WHEN '1' THEN '' ELSE 's' END, g.rule->>'role',
      CASE WHEN (g.rule->>'notAuthor')::boolean THEN format(' (not %s, who published it)', r."by") ELSE '' END)
    WHEN g.kind = 'check' THEN format('waits for the check "%s"%s', g.gate,
      CASE WHEN g.rule ? 'url' THEN ', which was asked for' ELSE ' to be reported' END)
    WHEN g.kind = 'schedule' THEN format('waits until %s, as its author asked', iso(r.not_before))
    ELSE format('waits for a time at which nothing is frozen (%s)', g.rule->>'timezone') END
$$;

-- Somebody's word on a gate. See VerdictAnswer in handlers/contract.ts. Unlike what goes through the tenant's object, two requests of a
-- tenant may come here at once under one key, for two releases: the later one is told what the key stands for.
CREATE FUNCTION hear(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb;
BEGIN
  RETURN hear_once(q, at);
EXCEPTION
  WHEN unique_violation THEN
    answer := replay(q->>'tenant', q->>'idempotencyKey', q->>'fingerprint');
    IF answer IS NULL THEN RAISE; END IF;
    RETURN answer;
END $$;

CREATE FUNCTION hear_once(q jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  t text := q->>'tenant';
  b text := q->>'bundle';
  v bigint := (q->>'version')::bigint;
  r releases;
  g gates;
  answer jsonb;
  refused jsonb;
BEGIN
  SELECT * INTO r FROM releases WHERE (tenant, bundle, version) = (t, b, v) FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  answer := replay(t, q->>'idempotencyKey', q->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM FROM gates WHERE (tenant, bundle, version) = (t, b, v);
  IF NOT FOUND THEN
    PERFORM FROM gate_rules(t, r.policy_version, r.channel) n WHERE n.kind = q->>'kind' AND n.gate = coalesce(q->>'gate', n.gate);
    IF NOT FOUND THEN RETURN '{"kind": "no_gate"}'; END IF;
    IF r.status = 'settled' OR r.closing THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', r.outcome); END IF;
    RETURN '{"kind": "not_open"}';
  END IF;
  PERFORM void_stale(r, at);
  refused := choose_gate(q, t, b, v);
  IF refused->>'kind' <> 'chosen' THEN RETURN refused; END IF;
  SELECT * INTO STRICT g FROM gates WHERE (tenant, bundle, version, gate) = (t, b, v, refused->>'gate');
  refused := gate_refuses(q, r, g, at);
  IF refused IS NOT NULL THEN RETURN refused; END IF;

  INSERT INTO verdicts VALUES (t, b, v, g.gate, coalesce(g.base_generation, 0), q->>'by', q->>'word', q->>'comment', q->>'url', at);
  PERFORM note_gate(g, 'said', at, q->>'by');
  g := decide_gate(g, q, at);
  IF g.state <> 'open' THEN
    PERFORM note_gate(g, g.state, at);
    UPDATE releases SET gate_wakes = gate_wakes + 1 WHERE (tenant, bundle, version) = (t, b, v) RETURNING gate_wakes INTO r.gate_wakes;
  END IF;
  PERFORM note(t, at, q->>'by', q->>'word', jsonb_build_object('bundle', b, 'version', v, 'gate', g.gate, 'digest', r.digest,
    'baseGeneration', g.base_generation, 'comment', q->>'comment', 'requestId', q->>'requestId'));
  answer := jsonb_build_object('kind', 'heard', 'gate', g.gate, 'state', g.state, 'said', said_of(g), 'needed', coalesce((g.rule->>'count')::integer, 1),
    'wake', CASE WHEN g.state <> 'open' THEN r.gate_wakes END, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (t, q->>'idempotencyKey', q->>'fingerprint', answer, at);
  PERFORM tell(t, b, r.channel, v, 'gate');
  RETURN answer;
END $$;

CREATE FUNCTION said_of(g gates) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM verdicts w
  WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation) = (g.tenant, g.bundle, g.version, g.gate, coalesce(g.base_generation, 0))
$$;

-- Which gate is meant: the one that is named, or the only one of its kind, or the only one that is still open.
CREATE FUNCTION choose_gate(q jsonb, t text, b text, v bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  every text[];
  waiting text[];
BEGIN
  SELECT coalesce(array_agg(gate ORDER BY ordinal), '{}'), coalesce(array_agg(gate ORDER BY ordinal) FILTER (WHERE state = 'open'), '{}')
  INTO every, waiting FROM gates
  WHERE (tenant, bundle, version) = (t, b, v) AND kind = q->>'kind' AND gate = coalesce(q->>'gate', gate);
  IF every = '{}' THEN RETURN '{"kind": "no_gate"}'; END IF;
  IF cardinality(every) = 1 THEN RETURN jsonb_build_object('kind', 'chosen', 'gate', every[1]); END IF;
  IF cardinality(waiting) = 1 THEN RETURN jsonb_build_object('kind', 'chosen', 'gate', waiting[1]); END IF;
  RETURN jsonb_build_object('kind', 'which', 'gates', to_jsonb(CASE waiting WHEN '{}' THEN every ELSE waiting END));
END $$;

CREATE FUNCTION gate_refuses(q jsonb, r releases, g gates, at timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  w verdicts;
BEGIN
  IF g.state IN ('passed', 'failed') THEN
    -- By the word that decided it: the one no, or the last yes.
    SELECT * INTO w FROM verdicts x
    WHERE (x.tenant, x.bundle, x.version, x.gate, x.base_generation) = (g.tenant, g.bundle, g.version, g.gate, coalesce(g.base_generation, 0))
    ORDER BY x.word IN ('reject', 'failure') DESC, x.at DESC LIMIT 1;
    RETURN jsonb_build_object('kind', 'decided', 'gate', g.gate, 'state', g.state, 'by', w."by", 'word', w.word, 'at', iso(g.decided_at));
  END IF;
  IF g.state = 'expired' OR (g.state = 'open' AND g.deadline_at <= at) THEN
    RETURN jsonb_build_object('kind', 'expired', 'gate', g.gate, 'deadlineAt', iso(g.deadline_at));
  END IF;
  IF r.status = 'settled' OR r.closing OR r.intent IS NOT NULL THEN
    RETURN jsonb_build_object('kind', 'settled', 'outcome', coalesce(r.outcome, r.intent));
  END IF;
  IF q->>'digest' <> r.digest THEN RETURN jsonb_build_object('kind', 'wrong_digest', 'digest', r.digest); END IF;
  IF g.kind = 'approval' AND NOT (q->'roles' ? 'admin' OR q->'roles' ? (g.rule->>'role')) THEN
    RETURN jsonb_build_object('kind', 'wrong_role', 'gate', g.gate, 'role', g.rule->>'role');
  END IF;
  IF (g.rule->>'notAuthor')::boolean AND q->>'by' = r."by" THEN RETURN jsonb_build_object('kind', 'author', 'gate', g.gate); END IF;
  IF g.kind = 'approval' AND (q->>'ifGeneration')::bigint <> g.base_generation THEN
    RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json((
      SELECT p FROM pointers p WHERE (p.tenant, p.bundle, p.channel) = (r.tenant, r.bundle, r.channel))));
  END IF;
  SELECT * INTO w FROM verdicts x
  WHERE (x.tenant, x.bundle, x.version, x.gate, x.base_generation, x."by")
    = (g.tenant, g.bundle, g.version, g.gate, coalesce(g.base_generation, 0), q->>'by');
  IF FOUND THEN
    RETURN jsonb_build_object('kind', 'already_said', 'gate', g.gate, 'word', w.word, 'at', iso(w.at));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION decide_gate(g gates, q jsonb, at timestamptz) RETURNS gates LANGUAGE plpgsql AS $$
DECLARE
  word text := q->>'word';
  more text := coalesce(': ' || (q->>'comment'), '');
BEGIN
  IF word IN ('approve', 'success') AND approvals_of(g) < coalesce((g.rule->>'count')::integer, 0) THEN RETURN g; END IF;
  UPDATE gates SET state = CASE WHEN word IN ('approve', 'success') THEN 'passed' ELSE 'failed' END, decided_at = at,
    reason = CASE word
      WHEN 'approve' THEN NULL
      WHEN 'success' THEN NULL
      WHEN 'reject' THEN format('rejected by %s at the gate "%s"%s', q->>'by', g.gate, more)
      ELSE format('the check "%s" failed, says %s%s', g.gate, q->>'by', more) END
  WHERE (tenant, bundle, version, gate) = (g.tenant, g.bundle, g.version, g.gate) RETURNING * INTO STRICT g;
  RETURN g;
END $$;

-- A gate as its readers see it: see Gate in core/gate.ts.
CREATE FUNCTION gate_json(g gates, r releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('gate', g.gate, 'kind', g.kind, 'state', g.state, 'says', gate_says(g, r), 'openedAt', iso(g.opened_at),
    'deadlineAt', iso(g.deadline_at), 'decidedAt', iso(g.decided_at), 'baseGeneration', g.base_generation, 'needed', (g.rule->>'count')::integer,
    'verdicts', (SELECT coalesce(jsonb_agg(jsonb_build_object('by', w."by", 'word', w.word, 'comment', w.comment, 'url', w.url, 'at', iso(w.at),
        'void', w.base_generation <> coalesce(g.base_generation, 0)) ORDER BY w.at, w."by"), '[]')
      FROM verdicts w WHERE (w.tenant, w.bundle, w.version, w.gate) = (g.tenant, g.bundle, g.version, g.gate)))
$$;

-- See GateChange in core/gate.ts.
CREATE FUNCTION gate_changes_json(r releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('n', c.n, 'gate', c.gate, 'kind', g.kind, 'change', c.change, 'by', c."by", 'word', w.word,
      'comment', w.comment, 'url', w.url, 'at', iso(c.at)) ORDER BY c.n), '[]')
  FROM gate_changes c
  JOIN gates g USING (tenant, bundle, version, gate)
  LEFT JOIN verdicts w ON (w.tenant, w.bundle, w.version, w.gate, w.base_generation, w."by")
    = (c.tenant, c.bundle, c.version, c.gate, c.base_generation, c."by")
  WHERE (c.tenant, c.bundle, c.version) = (r.tenant, r.bundle, r.version)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 7, oldest_process = 7;
