-- The releases, gates, compilers and sinks for which a release is waiting: see WaitingRow in services/postgres/releases/waiting.ts. Empty
-- if the release is not waiting, and after it was superseded, cancelled or closed.
CREATE FUNCTION waiting_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN p_release.status = 'queued' THEN (
      SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'release', 'version', f.version)), '[]')
      FROM releases f
      WHERE (f.tenant, f.bundle, f.channel, f.status) = (p_release.tenant, p_release.bundle, p_release.channel, 'running'))
    WHEN NOT may_advance(p_release) THEN '[]'
    ELSE gates_waited_for(p_release) || compilers_waited_for(p_release) || sinks_waited_for(p_release)
  END
$$;

CREATE FUNCTION gates_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'gate', 'facts', gate_facts(g, p_release)) ORDER BY g.ordinal), '[]')
  FROM gates g
  WHERE (g.tenant, g.bundle, g.version, g.state) = (p_release.tenant, p_release.bundle, p_release.version, 'open')
$$;

CREATE FUNCTION compilers_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'compiler', 'attempt', c.subject, 'deadlineAt', iso(c.deadline_at))), '[]')
  FROM callbacks c
  WHERE (c.tenant, c.bundle, c.version, c.purpose, c.state) = (p_release.tenant, p_release.bundle, p_release.version, 'compile', 'open')
$$;

CREATE FUNCTION sinks_waited_for(p_release releases) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_release.blocked_by IS NULL THEN '[]' ELSE
    jsonb_build_array(jsonb_build_object('kind', 'sinks', 'sinks', p_release.blocked_by)) END
$$;
