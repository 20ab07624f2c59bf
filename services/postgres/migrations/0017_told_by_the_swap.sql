-- A move is told to those who listen by the transaction that makes it, and its answer says whom else to wake: nobody waits for a later step.

CREATE OR REPLACE FUNCTION put_move(p pointers, how text, v bigint, artifact text, who text, why text, at timestamptz)
RETURNS moves LANGUAGE plpgsql AS $$
DECLARE
  m moves;
BEGIN
  UPDATE tenants SET feed_seq = feed_seq + 1 WHERE tenant = p.tenant RETURNING feed_seq INTO STRICT m.seq;
  INSERT INTO moves (tenant, bundle, channel, generation, seq, kind, from_version, from_digest, to_version, to_digest, by, why, moved_at)
  VALUES (p.tenant, p.bundle, p.channel, p.generation + 1, m.seq, how, p.version, p.digest, v, artifact, who, why, at)
  RETURNING * INTO m;
  UPDATE pointers SET version = v, digest = artifact, generation = p.generation + 1, moved_at = at
  WHERE (tenant, bundle, channel) = (p.tenant, p.bundle, p.channel) AND generation = p.generation;
  IF NOT FOUND THEN RAISE EXCEPTION 'pointer %/%/% moved under its lock', p.tenant, p.bundle, p.channel; END IF;
  PERFORM note(p.tenant, at, who, 'move', jsonb_build_object(
    'bundle', p.bundle, 'channel', p.channel, 'generation', m.generation, 'from', p.version, 'to', v, 'why', why));
  PERFORM tell(p.tenant, p.bundle, p.channel, v, 'moved');
  RETURN m;
END $$;

-- The same answer; of a move, with the webhooks that it is told to.
CREATE FUNCTION with_webhooks(t text, answer jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN answer->>'kind' = 'moved' THEN answer || jsonb_build_object('webhooks', webhooks_of(t)) ELSE answer END
$$;

-- As before, and tells nobody: who watches the release hears of its end, which comes next. The answer is for processes of before this migration.
CREATE OR REPLACE FUNCTION announce(t text, b text, v bigint, began timestamptz, ended timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  r releases;
BEGIN
  SELECT * INTO STRICT r FROM releases WHERE (tenant, bundle, version) = (t, b, v);
  IF r.generation IS NULL THEN RAISE EXCEPTION 'release %/%/v% has not moved its pointer', t, b, v; END IF;
  UPDATE moves SET announced_at = ended
  WHERE (tenant, bundle, channel, generation) = (t, b, r.channel, r.generation) AND announced_at IS NULL;
  PERFORM put_effect(t, b, v, 'announcement', 'done', format('seq %s', r.seq), ended);
  INSERT INTO stages (tenant, bundle, version, stage, state, started_at, finished_at)
  VALUES (t, b, v, 'announce', 'passed', began, ended), (t, b, v, 'verify', 'passed', ended, ended)
  ON CONFLICT (tenant, bundle, version, stage) DO UPDATE SET state = 'passed', finished_at = EXCLUDED.finished_at;
  RETURN jsonb_build_object('seq', r.seq, 'webhooks', webhooks_of(t));
END $$;

UPDATE schema_version SET level = 17;
