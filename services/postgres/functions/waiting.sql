-- What a release waits for, as its readers see it: see WaitingFor in core/releases/release.ts. Empty while it works, and once it is being stopped.
CREATE FUNCTION waiting_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN p_release.status = 'queued' THEN (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'kind', 'release', 'name', 'v' || f.version, 'text', format('waits in line behind v%s', f.version), 'until', NULL)), '[]')
      FROM releases f
      WHERE (f.tenant, f.bundle, f.channel, f.status) = (p_release.tenant, p_release.bundle, p_release.channel, 'running'))
    WHEN NOT may_advance(p_release) THEN '[]'
    ELSE gates_waited_for(p_release) || compilers_waited_for(p_release) || sinks_waited_for(p_release)
  END
$$;

CREATE FUNCTION gates_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', g.kind, 'name', g.gate, 'text', gate_says(g, p_release),
    'until', iso(CASE g.kind WHEN 'schedule' THEN p_release.not_before ELSE g.deadline_at END)) ORDER BY g.ordinal), '[]')
  FROM gates g
  WHERE (g.tenant, g.bundle, g.version, g.state) = (p_release.tenant, p_release.bundle, p_release.version, 'open')
$$;

CREATE FUNCTION compilers_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'compiler', 'name', c.subject,
    'text', format('waits for the result of the remote compiler, attempt %s', c.subject), 'until', iso(c.deadline_at))), '[]')
  FROM callbacks c
  WHERE (c.tenant, c.bundle, c.version, c.purpose, c.state) = (p_release.tenant, p_release.bundle, p_release.version, 'compile', 'open')
$$;

-- A reason of a release without an outcome is what the swap waits for: see move_by_release.
CREATE FUNCTION sinks_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_release.reason IS NULL OR p_release.outcome IS NOT NULL THEN '[]' ELSE
    jsonb_build_array(jsonb_build_object('kind', 'sink', 'name', NULL, 'text', p_release.reason, 'until', NULL)) END
$$;
