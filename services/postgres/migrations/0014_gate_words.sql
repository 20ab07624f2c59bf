-- What is said of gates that wait: a check only once somebody has been asked, and what a window or a schedule needs to say when it opens.

CREATE OR REPLACE FUNCTION gate_says(g gates, r releases) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN g.state <> 'open' AND g.reason IS NOT NULL THEN g.reason
    WHEN g.state <> 'open' THEN g.state
    WHEN g.kind = 'approval' THEN format('waits for %s of %s approval%s by a token with the role %s%s',
      (g.rule->>'count')::integer - approvals_of(g), g.rule->>'count', CASE g.rule->>'count' WHEN '1' THEN '' ELSE 's' END, g.rule->>'role',
      CASE WHEN (g.rule->>'notAuthor')::boolean THEN format(' (not %s, who published it)', r."by") ELSE '' END)
    WHEN g.kind = 'check' AND g.rule ? 'url' THEN format('waits for the check "%s", which %s', g.gate, CASE
      WHEN EXISTS (SELECT FROM effects e WHERE (e.tenant, e.bundle, e.version, e.effect, e.subject)
        = (g.tenant, g.bundle, g.version, 'check-request', g.gate) AND e.state = 'done') THEN 'was asked for'
      ELSE 'is being asked for' END)
    WHEN g.kind = 'check' THEN format('waits for the check "%s" to be reported', g.gate)
    WHEN g.kind = 'schedule' THEN format('waits until %s, as its author asked', iso(r.not_before))
    ELSE format('waits for a time at which nothing is frozen (%s)', g.rule->>'timezone') END
$$;

CREATE OR REPLACE FUNCTION gate_json(g gates, r releases) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('gate', g.gate, 'kind', g.kind, 'state', g.state, 'says', gate_says(g, r), 'openedAt', iso(g.opened_at),
    'deadlineAt', iso(g.deadline_at), 'decidedAt', iso(g.decided_at), 'baseGeneration', g.base_generation, 'needed', (g.rule->>'count')::integer,
    'window', CASE WHEN g.kind = 'window' AND g.state = 'open' THEN g.rule END,
    'notBefore', CASE WHEN g.kind = 'schedule' AND g.state = 'open' THEN iso(r.not_before) END,
    'verdicts', (SELECT coalesce(jsonb_agg(jsonb_build_object('by', w."by", 'word', w.word, 'comment', w.comment, 'url', w.url, 'at', iso(w.at),
        'void', w.base_generation <> coalesce(g.base_generation, 0)) ORDER BY w.at, w."by"), '[]')
      FROM verdicts w WHERE (w.tenant, w.bundle, w.version, w.gate) = (g.tenant, g.bundle, g.version, g.gate)))
$$;

UPDATE schema_version SET level = 14, oldest_process = 14;
