CREATE FUNCTION gate_rules(p_tenant text, p_policy bigint, p_channel text) RETURNS TABLE (gate text, kind text, rule jsonb, ordinal bigint) LANGUAGE sql STABLE AS $$
  SELECT one.value->>'name', one.key, one.value, g.n
  FROM policies p, jsonb_array_elements(p.document->'channels'->p_channel->'gates') WITH ORDINALITY AS g (item, n), jsonb_each(g.item) one
  WHERE (p.tenant, p.version) = (p_tenant, p_policy)
$$;

CREATE FUNCTION generation_of(p_tenant text, p_bundle text, p_channel text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT generation FROM pointers WHERE (tenant, bundle, channel) = (p_tenant, p_bundle, p_channel)), 0)
$$;

-- Appends a change to the history of a release's gates. The caller must hold the lock of the release's row.
CREATE FUNCTION record_gate_change(p_gate gates, p_change text, p_at timestamptz, p_by text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO gate_changes
  SELECT p_gate.tenant, p_gate.bundle, p_gate.version, coalesce(max(c.n), 0) + 1, p_gate.gate, p_change, coalesce(p_gate.base_generation, 0), p_by, p_at
  FROM gate_changes c WHERE (c.tenant, c.bundle, c.version) = (p_gate.tenant, p_gate.bundle, p_gate.version)
$$;

-- Records the gates that the release must pass before it moves its pointer. Idempotent. The caller must hold the lock of the release's row.
-- @returns whether the release has gates
CREATE FUNCTION open_gates(p_release releases, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  gate_row gates;
BEGIN
  IF p_release.policy_version = 0 AND p_release.not_before IS NULL THEN RETURN false; END IF;
  FOR gate_row IN INSERT INTO gates (tenant, bundle, version, gate, ordinal, kind, rule, base_generation, opened_at, deadline_at)
    SELECT p_release.tenant, p_release.bundle, p_release.version, n.gate, n.ordinal, n.kind, n.rule,
      CASE n.kind WHEN 'approval' THEN generation_of(p_release.tenant, p_release.bundle, p_release.channel) END, p_at, p_at + span(n.rule->>'within')
    FROM gate_rules(p_release.tenant, p_release.policy_version, p_release.channel) n
    UNION ALL
    SELECT p_release.tenant, p_release.bundle, p_release.version, 'schedule', 0, 'schedule', '{}', NULL, p_at, NULL WHERE p_release.not_before > p_at
    ORDER BY 5
    ON CONFLICT DO NOTHING RETURNING *
  LOOP
    PERFORM record_gate_change(gate_row, 'opened', p_at);
  END LOOP;
  RETURN EXISTS (SELECT FROM gates WHERE (tenant, bundle, version) = (p_release.tenant, p_release.bundle, p_release.version));
END $$;

-- Opens the gates of a release for which they were skipped, because its artifact was live when it was prepared. The caller has found that
-- another artifact is live now. Returns null if no gates were skipped, or the release has none.
CREATE FUNCTION skipped_gates(p_release releases, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM stages WHERE (tenant, bundle, version, stage, state) = (p_release.tenant, p_release.bundle, p_release.version, 'gate', 'skipped');
  IF NOT FOUND OR NOT open_gates(p_release, p_at) THEN RETURN NULL; END IF;
  UPDATE stages SET state = 'running', finished_at = NULL WHERE (tenant, bundle, version, stage) = (p_release.tenant, p_release.bundle, p_release.version, 'gate');
  RETURN '{"kind": "gates_open"}';
END $$;

CREATE FUNCTION close_gates(p_tenant text, p_bundle text, p_version bigint, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gate_row gates;
BEGIN
  FOR gate_row IN UPDATE gates SET state = 'closed', decided_at = p_at WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND state = 'open' RETURNING * LOOP
    PERFORM record_gate_change(gate_row, 'closed', p_at);
  END LOOP;
END $$;

-- Voids the approvals that were given while another generation was live. Their gates reopen with the same deadline. Does nothing after the
-- release has moved its own pointer, because no approval is needed then. The caller must hold the lock of the release's row.
CREATE FUNCTION void_stale(p_release releases, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  base bigint := generation_of(p_release.tenant, p_release.bundle, p_release.channel);
  gate_row gates;
BEGIN
  IF NOT may_advance(p_release) THEN RETURN; END IF;
  FOR gate_row IN UPDATE gates SET base_generation = base, state = 'open', decided_at = NULL
    WHERE (tenant, bundle, version) = (p_release.tenant, p_release.bundle, p_release.version) AND kind = 'approval' AND state IN ('open', 'passed')
      AND base_generation <> base
    RETURNING *
  LOOP
    PERFORM record_gate_change(gate_row, 'voided', p_at);
  END LOOP;
  IF FOUND THEN
    UPDATE stages SET state = 'running', finished_at = NULL
    WHERE (tenant, bundle, version, stage) = (p_release.tenant, p_release.bundle, p_release.version, 'gate') AND state = 'passed';
  END IF;
END $$;

-- Returns the reason why the gates do not allow this release to move its pointer, or null if they allow it. There are three reasons: a gate
-- has not passed, an approval is for another generation, or the current policy has a gate that the release lacks. The caller must hold the
-- locks of the release's row and of the pointer's row.
CREATE FUNCTION blocking_gates(p_release releases, p_pointer pointers) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  added text;
  latest bigint := policy_now(p_release.tenant);
BEGIN
  IF p_release.policy_version = 0 AND latest = 0 AND p_release.not_before IS NULL THEN RETURN NULL; END IF;
  IF latest <> p_release.policy_version THEN
    SELECT n.gate INTO added FROM gate_rules(p_release.tenant, latest, p_release.channel) n
    WHERE NOT EXISTS (SELECT FROM gates g WHERE (g.tenant, g.bundle, g.version, g.gate) = (p_release.tenant, p_release.bundle, p_release.version, n.gate)
      AND (g.kind::text, g.rule) = (n.kind, n.rule))
    ORDER BY n.ordinal LIMIT 1;
    IF FOUND THEN RETURN jsonb_build_object('kind', 'gate_added', 'gate', added, 'policy', latest); END IF;
  END IF;
  PERFORM FROM gates g WHERE (g.tenant, g.bundle, g.version) = (p_release.tenant, p_release.bundle, p_release.version)
    AND (g.state <> 'passed' OR g.base_generation <> p_pointer.generation);
  IF FOUND THEN RETURN '{"kind": "gates_open"}'; END IF;
  RETURN NULL;
END $$;

-- Returns the status of a release's gates. First expires the gates whose deadline has passed. See GateStatus in handlers/ports/gates.ts.
CREATE FUNCTION evaluate_gates(p_tenant text, p_bundle text, p_version bigint, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  release releases;
  gate_row gates;
  standing jsonb;
BEGIN
  SELECT * INTO STRICT release FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) FOR UPDATE;
  IF NOT may_advance(release) THEN RETURN '{"kind": "closed"}'; END IF;
  PERFORM void_stale(release, p_at);
  FOR gate_row IN UPDATE gates SET state = CASE WHEN deadline_at <= p_at THEN 'expired' ELSE 'passed' END, decided_at = p_at
    WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND state = 'open' AND (deadline_at <= p_at OR (kind = 'schedule' AND release.not_before <= p_at))
    RETURNING *
  LOOP
    PERFORM record_gate_change(gate_row, gate_row.state, p_at);
  END LOOP;
  SELECT * INTO gate_row FROM gates WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND state IN ('failed', 'expired') ORDER BY decided_at, ordinal LIMIT 1;
  IF FOUND THEN RETURN jsonb_build_object('kind', 'failed', 'facts', gate_facts(gate_row, release)); END IF;
  SELECT jsonb_agg(jsonb_build_object('gate', gate, 'kind', kind, 'url', rule->>'url',
      'facts', gate_facts(gates, release),
      'deadlineMs', epoch_ms(CASE kind WHEN 'schedule' THEN release.not_before ELSE deadline_at END)) ORDER BY ordinal)
  INTO standing FROM gates WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND state = 'open' AND kind <> 'window';
  IF standing IS NOT NULL THEN RETURN jsonb_build_object('kind', 'waiting', 'gatesDecided', release.gates_decided, 'gates', standing); END IF;
  RETURN jsonb_build_object('kind', 'windows', 'gatesDecided', release.gates_decided, 'windows', (
    SELECT coalesce(jsonb_agg(rule || jsonb_build_object('name', gate) ORDER BY ordinal), '[]') FROM gates
    WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND kind = 'window'));
END $$;

-- Records which time windows of a release are closed now. A time window is a gate that passes only at certain times. Called when all other
-- gates have passed. If all windows are open, the gate stage passes.
CREATE FUNCTION record_windows(p_tenant text, p_bundle text, p_version bigint, p_closed text[], p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gate_row gates;
BEGIN
  PERFORM FROM releases WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND may_advance(releases) FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  FOR gate_row IN UPDATE gates SET state = CASE WHEN gate = ANY (p_closed) THEN 'open' ELSE 'passed' END,
      decided_at = CASE WHEN gate = ANY (p_closed) THEN NULL ELSE p_at END
    WHERE (tenant, bundle, version) = (p_tenant, p_bundle, p_version) AND kind = 'window' AND state <> CASE WHEN gate = ANY (p_closed) THEN 'open' ELSE 'passed' END
    RETURNING *
  LOOP
    PERFORM record_gate_change(gate_row, CASE gate_row.state WHEN 'open' THEN 'opened' ELSE 'passed' END, p_at);
  END LOOP;
  IF p_closed = '{}' THEN PERFORM pass_gate_stage(p_tenant, p_bundle, p_version, p_at); END IF;
END $$;

CREATE FUNCTION pass_gate_stage(p_tenant text, p_bundle text, p_version bigint, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
  UPDATE stages SET state = 'passed', finished_at = p_at WHERE (tenant, bundle, version, stage) = (p_tenant, p_bundle, p_version, 'gate') AND state = 'running'
$$;
