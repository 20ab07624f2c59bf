CREATE FUNCTION approvals_of(p_gate gates) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM gate_decisions w
  WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation) = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate, p_gate.base_generation) AND w.decision = 'approve'
$$;

-- The facts from which the API writes the status text of a gate: see GateFacts in core/texts/gate-texts.ts.
CREATE FUNCTION gate_facts(p_gate gates, p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('gate', p_gate.gate, 'kind', p_gate.kind, 'state', p_gate.state,
    'count', (p_gate.rule->>'count')::integer, 'approvals', CASE WHEN p_gate.kind = 'approval' THEN approvals_of(p_gate) END,
    'role', p_gate.rule->>'role', 'notAuthor', coalesce((p_gate.rule->>'notAuthor')::boolean, false), 'author', p_release."by",
    'requested', CASE WHEN p_gate.kind = 'check' AND p_gate.rule ? 'url' THEN EXISTS (
      SELECT FROM effects e
      WHERE (e.tenant, e.bundle, e.version, e.effect, e.subject) = (p_gate.tenant, p_gate.bundle, p_gate.version, 'check-request', p_gate.gate)
        AND e.state = 'done') END,
    'timezone', p_gate.rule->>'timezone', 'notBefore', CASE WHEN p_gate.kind = 'schedule' THEN iso(p_release.not_before) END,
    'deadlineAt', iso(p_gate.deadline_at), 'failedBy', CASE WHEN p_gate.state = 'failed' THEN (
      SELECT jsonb_build_object('by', w."by", 'comment', w.comment) FROM gate_decisions w
      WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation)
        = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate, coalesce(p_gate.base_generation, 0)) AND w.decision IN ('reject', 'failure')) END)
$$;

-- Records a decision on a gate. See DecisionResult in handlers/contract/release.ts. Decisions do not go through the Tenant object. Two
-- requests for different releases can therefore use the same idempotency key at the same time. The later request then gets the stored
-- result, or `key_reused` if it is different.
CREATE FUNCTION record_decision(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb;
BEGIN
  RETURN record_decision_once(p_request, p_at);
EXCEPTION
  WHEN unique_violation THEN
    answer := replay(p_request->>'tenant', p_request->>'idempotencyKey', p_request->>'fingerprint');
    IF answer IS NULL THEN RAISE; END IF;
    RETURN answer;
END $$;

CREATE FUNCTION record_decision_once(p_request jsonb, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  tenant_name text := p_request->>'tenant';
  bundle_name text := p_request->>'bundle';
  release_version bigint := (p_request->>'version')::bigint;
  release releases;
  gate_row gates;
  answer jsonb;
  refused jsonb;
BEGIN
  SELECT * INTO release FROM releases WHERE (tenant, bundle, version) = (tenant_name, bundle_name, release_version) FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"kind": "no_release"}'; END IF;
  answer := replay(tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint');
  IF answer IS NOT NULL THEN RETURN answer; END IF;
  PERFORM FROM gates WHERE (tenant, bundle, version) = (tenant_name, bundle_name, release_version);
  IF NOT FOUND THEN
    PERFORM FROM gate_rules(tenant_name, release.policy_version, release.channel) n WHERE n.kind = p_request->>'kind' AND n.gate = coalesce(p_request->>'gate', n.gate);
    IF NOT FOUND THEN RETURN '{"kind": "no_gate"}'; END IF;
    IF NOT is_undecided(release) THEN RETURN jsonb_build_object('kind', 'settled', 'outcome', coalesce(release.outcome, release.intent)); END IF;
    RETURN jsonb_build_object('kind', 'not_open', 'status', release.status);
  END IF;
  PERFORM void_stale(release, p_at);
  refused := choose_gate(p_request, tenant_name, bundle_name, release_version);
  IF refused->>'kind' <> 'chosen' THEN RETURN refused; END IF;
  SELECT * INTO STRICT gate_row FROM gates WHERE (tenant, bundle, version, gate) = (tenant_name, bundle_name, release_version, refused->>'gate');
  refused := gate_refuses(p_request, release, gate_row, p_at);
  IF refused IS NOT NULL THEN RETURN refused; END IF;

  INSERT INTO gate_decisions VALUES (tenant_name, bundle_name, release_version, gate_row.gate, coalesce(gate_row.base_generation, 0), p_request->>'by', p_request->>'decision', p_request->>'comment', p_request->>'url', p_at);
  PERFORM record_gate_change(gate_row, 'decided', p_at, p_request->>'by');
  gate_row := decide_gate(gate_row, p_request, p_at);
  IF gate_row.state <> 'open' THEN
    PERFORM record_gate_change(gate_row, gate_row.state, p_at);
    UPDATE releases SET gates_decided = gates_decided + 1 WHERE (tenant, bundle, version) = (tenant_name, bundle_name, release_version) RETURNING gates_decided INTO release.gates_decided;
  END IF;
  PERFORM audit(tenant_name, p_at, p_request->>'by', p_request->>'decision', jsonb_build_object('bundle', bundle_name, 'version', release_version, 'gate', gate_row.gate, 'digest', release.digest,
    'baseGeneration', gate_row.base_generation, 'comment', p_request->>'comment', 'requestId', p_request->>'requestId'));
  answer := jsonb_build_object('kind', 'recorded', 'gate', gate_row.gate, 'state', gate_row.state, 'decisions', decisions_of(gate_row), 'needed', coalesce((gate_row.rule->>'count')::integer, 1),
    'decisionNumber', CASE WHEN gate_row.state <> 'open' THEN release.gates_decided END, 'replayed', false);
  INSERT INTO idempotency_keys VALUES (tenant_name, p_request->>'idempotencyKey', p_request->>'fingerprint', answer, p_at);
  RETURN answer;
END $$;

CREATE FUNCTION decisions_of(p_gate gates) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM gate_decisions w
  WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation) = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate, coalesce(p_gate.base_generation, 0))
$$;

-- Chooses the gate for a decision. This is the gate that the request names. Without a name, it is the only gate of the requested kind, or
-- else the only open gate of that kind.
CREATE FUNCTION choose_gate(p_request jsonb, p_tenant text, p_bundle text, p_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  every text[];
  waiting text[];
BEGIN
  SELECT coalesce(array_agg(gate ORDER BY ordinal), '{}'), coalesce(array_agg(gate ORDER BY ordinal) FILTER (WHERE state = 'open'), '{}')
  INTO every, waiting FROM gates
  WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND kind = p_request->>'kind' AND gate = coalesce(p_request->>'gate', gate);
  IF every = '{}' THEN RETURN '{"kind": "no_gate"}'; END IF;
  IF cardinality(every) = 1 THEN RETURN jsonb_build_object('kind', 'chosen', 'gate', every[1]); END IF;
  IF cardinality(waiting) = 1 THEN RETURN jsonb_build_object('kind', 'chosen', 'gate', waiting[1]); END IF;
  RETURN jsonb_build_object('kind', 'which', 'gates', to_jsonb(CASE waiting WHEN '{}' THEN every ELSE waiting END));
END $$;

-- Returns the reason why the caller may not report the result of a check, or null if the report is allowed. An admin may always report. If
-- the check has a URL, its result comes only from Pointsman's own request to that URL: from the report that responds to it, or from its
-- failure. The result of any other check may be reported with any token that has the role for it, except by the author of the release.
CREATE FUNCTION check_refuses(p_request jsonb, p_release releases, p_gate gates) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_request->'roles' ? 'admin' THEN NULL
    WHEN p_gate.rule ? 'url' THEN CASE
      WHEN coalesce((p_request->>'fromCallout')::boolean, false) THEN NULL
      ELSE jsonb_build_object('kind', 'asked_check', 'gate', p_gate.gate, 'role', 'admin') END
    WHEN p_request->>'by' = p_release."by" THEN jsonb_build_object('kind', 'own_check', 'gate', p_gate.gate, 'role', 'reporter')
  END
$$;

CREATE FUNCTION gate_refuses(p_request jsonb, p_release releases, p_gate gates, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  earlier gate_decisions;
  refused jsonb;
BEGIN
  IF p_gate.state IN ('passed', 'failed') THEN
    -- The decision that settled the gate. This is the rejection or failure if there is one, otherwise the last approval.
    SELECT * INTO earlier FROM gate_decisions x
    WHERE (x.tenant, x.bundle, x.version, x.gate, x.base_generation) = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate, coalesce(p_gate.base_generation, 0))
    ORDER BY x.decision IN ('reject', 'failure') DESC, x.at DESC LIMIT 1;
    RETURN jsonb_build_object('kind', 'decided', 'gate', p_gate.gate, 'state', p_gate.state, 'by', earlier."by", 'decision', earlier.decision, 'at', iso(p_gate.decided_at));
  END IF;
  IF p_gate.state = 'expired' OR (p_gate.state = 'open' AND p_gate.deadline_at <= p_at) THEN
    RETURN jsonb_build_object('kind', 'expired', 'gate', p_gate.gate, 'deadlineAt', iso(p_gate.deadline_at));
  END IF;
  IF NOT is_undecided(p_release) THEN
    RETURN jsonb_build_object('kind', 'settled', 'outcome', coalesce(p_release.outcome, p_release.intent));
  END IF;
  IF p_request->>'digest' <> p_release.digest THEN RETURN jsonb_build_object('kind', 'wrong_digest', 'digest', p_release.digest); END IF;
  IF p_gate.kind = 'approval' AND NOT (p_request->'roles' ? 'admin' OR p_request->'roles' ? (p_gate.rule->>'role')) THEN
    RETURN jsonb_build_object('kind', 'wrong_role', 'gate', p_gate.gate, 'role', p_gate.rule->>'role');
  END IF;
  IF p_gate.kind = 'check' THEN
    refused := check_refuses(p_request, p_release, p_gate);
    IF refused IS NOT NULL THEN RETURN refused; END IF;
  END IF;
  IF (p_gate.rule->>'notAuthor')::boolean AND p_request->>'by' = p_release."by" THEN RETURN jsonb_build_object('kind', 'author', 'gate', p_gate.gate); END IF;
  IF p_gate.kind = 'approval' AND (p_request->>'ifGeneration')::bigint <> p_gate.base_generation THEN
    RETURN jsonb_build_object('kind', 'stale', 'pointer', pointer_json((
      SELECT p FROM pointers p WHERE (p.tenant, p.bundle, p.channel) = (p_release.tenant, p_release.bundle, p_release.channel))));
  END IF;
  SELECT * INTO earlier FROM gate_decisions x
  WHERE (x.tenant, x.bundle, x.version, x.gate, x.base_generation, x."by")
    = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate, coalesce(p_gate.base_generation, 0), p_request->>'by');
  IF FOUND THEN
    RETURN jsonb_build_object('kind', 'already_decided', 'gate', p_gate.gate, 'decision', earlier.decision, 'at', iso(earlier.at));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION decide_gate(p_gate gates, p_request jsonb, p_at timestamptz) RETURNS gates LANGUAGE plpgsql AS $$
DECLARE
  decision text := p_request->>'decision';
BEGIN
  IF decision IN ('approve', 'success') AND approvals_of(p_gate) < coalesce((p_gate.rule->>'count')::integer, 0) THEN RETURN p_gate; END IF;
  UPDATE gates SET state = CASE WHEN decision IN ('approve', 'success') THEN 'passed' ELSE 'failed' END, decided_at = p_at
  WHERE (tenant, bundle, version, gate) = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate) RETURNING * INTO STRICT p_gate;
  RETURN p_gate;
END $$;

-- Returns a gate in the format of the API: see Gate in packages/protocol/releases/gate.ts.
CREATE FUNCTION gate_json(p_gate gates, p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('gate', p_gate.gate, 'kind', p_gate.kind, 'state', p_gate.state, 'facts', gate_facts(p_gate, p_release), 'openedAt', iso(p_gate.opened_at),
    'deadlineAt', iso(p_gate.deadline_at), 'decidedAt', iso(p_gate.decided_at), 'baseGeneration', p_gate.base_generation, 'needed', (p_gate.rule->>'count')::integer,
    'window', CASE WHEN p_gate.kind = 'window' AND p_gate.state = 'open' THEN p_gate.rule END,
    'notBefore', CASE WHEN p_gate.kind = 'schedule' AND p_gate.state = 'open' THEN iso(p_release.not_before) END,
    'decisions', (SELECT coalesce(jsonb_agg(jsonb_build_object('by', w."by", 'decision', w.decision, 'comment', w.comment, 'url', w.url, 'at', iso(w.at),
        'void', w.base_generation <> coalesce(p_gate.base_generation, 0)) ORDER BY w.at, w."by"), '[]')
      FROM gate_decisions w WHERE (w.tenant, w.bundle, w.version, w.gate) = (p_gate.tenant, p_gate.bundle, p_gate.version, p_gate.gate)))
$$;

-- Returns all changes of a release's gates: see GateChange in packages/protocol/releases/gate.ts.
CREATE FUNCTION gate_changes_json(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('n', c.n, 'gate', c.gate, 'kind', g.kind, 'change', c.change, 'by', c."by", 'decision', w.decision,
      'comment', w.comment, 'url', w.url, 'at', iso(c.at)) ORDER BY c.n), '[]')
  FROM gate_changes c
  JOIN gates g USING (tenant, bundle, version, gate)
  LEFT JOIN gate_decisions w ON (w.tenant, w.bundle, w.version, w.gate, w.base_generation, w."by")
    = (c.tenant, c.bundle, c.version, c.gate, c.base_generation, c."by")
  WHERE (c.tenant, c.bundle, c.version) = (p_release.tenant, p_release.bundle, p_release.version)
$$;
