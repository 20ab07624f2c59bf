-- A release's last word, for the commit that it came from, in the transaction that says it.
CREATE FUNCTION tell_commit(p_release releases, p_outcome text, p_reason text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_release.origin IS NULL THEN RETURN; END IF;
  INSERT INTO commit_reports (tenant, hook, delivery, kind, outcome, reason, version, created_at)
  SELECT p_release.tenant, h.hook, d.delivery, 'final', p_outcome, p_reason, p_release.version, p_at
  FROM deliveries d JOIN hooks h USING (tenant, hook)
  WHERE (d.tenant, d.hook, d.delivery) = (p_release.tenant, p_release.origin->>'hook', p_release.origin->>'delivery') AND tells_commits(h)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM put_effect(p_release.tenant, p_release.bundle, p_release.version, 'commit-status', 'begun',
    format('%s@%s', p_release.origin->>'repository', p_release.origin->>'commit'), p_at);
END $$;

-- What the delivery's commit is to be told next; null for nothing. What a later word speaks for is skipped: of the same delivery, or of a later
-- one of the same commit under the same name.
CREATE FUNCTION next_report(p_tenant text, p_hook text, p_delivery text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  delivery_row deliveries;
  rule hooks;
  report commit_reports;
BEGIN
  SELECT * INTO delivery_row FROM deliveries WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery);
  SELECT * INTO rule FROM hooks WHERE (tenant, hook) = (p_tenant, p_hook);
  FOR report IN SELECT * FROM commit_reports WHERE (tenant, hook, delivery) = (p_tenant, p_hook, p_delivery) AND state = 'waiting' ORDER BY kind = 'final' LOOP
    IF rule.hook IS NULL THEN
      PERFORM end_report(report, 'failed', 'the hook was deleted', p_at);
    ELSIF NOT is_for(rule, delivery_row) THEN
      PERFORM end_report(report, 'failed', 'the hook is for another repository now', p_at);
    ELSIF report.kind = 'pending' AND EXISTS (
      SELECT FROM commit_reports f WHERE (f.tenant, f.hook, f.delivery, f.kind) = (p_tenant, p_hook, p_delivery, 'final')) THEN
      PERFORM end_report(report, 'skipped', 'the last word was there first', p_at);
    ELSIF EXISTS (
      SELECT FROM deliveries later JOIN commit_reports l USING (tenant, hook, delivery)
      WHERE (later.tenant, later.hook, later.commit, later.bundle, later.channel) = (p_tenant, p_hook, delivery_row.commit, delivery_row.bundle, delivery_row.channel) AND later.seq > delivery_row.seq) THEN
      PERFORM end_report(report, 'skipped', 'a later delivery of this commit speaks for it', p_at);
    ELSE
      RETURN jsonb_build_object('kind', report.kind, 'outcome', report.outcome);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

-- All that has to be known to tell it; null when nobody can any more.
CREATE FUNCTION find_report(p_tenant text, p_hook text, p_delivery text, p_of_kind text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('outcome', c.outcome, 'reason', c.reason, 'version', c.version, 'repository', k.repository, 'ref', d.ref,
    'commit', d.commit, 'bundle', d.bundle, 'channel', d.channel, 'provider', k.provider, 'apiUrl', k.api_url, 'token', k.token)
  FROM commit_reports c JOIN deliveries d USING (tenant, hook, delivery) JOIN hooks k USING (tenant, hook)
  WHERE (c.tenant, c.hook, c.delivery, c.kind) = (p_tenant, p_hook, p_delivery, p_of_kind) AND is_for(k, d)
$$;

-- The ledger of the release says the same.
CREATE FUNCTION end_report(p_report commit_reports, p_state text, p_detail text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  release releases;
BEGIN
  UPDATE commit_reports SET state = p_state, detail = p_detail, ended_at = p_at
  WHERE (tenant, hook, delivery, kind) = (p_report.tenant, p_report.hook, p_report.delivery, p_report.kind) AND state = 'waiting';
  IF NOT FOUND OR p_report.version IS NULL THEN RETURN; END IF;
  SELECT s.* INTO release FROM releases s JOIN deliveries d USING (tenant, bundle)
  WHERE (d.tenant, d.hook, d.delivery) = (p_report.tenant, p_report.hook, p_report.delivery) AND s.version = p_report.version;
  PERFORM put_effect(release.tenant, release.bundle, release.version, 'commit-status', CASE p_state WHEN 'done' THEN 'done' ELSE 'failed' END,
    format('%s@%s: %s', release.origin->>'repository', release.origin->>'commit', p_detail), p_at);
END $$;

CREATE FUNCTION record_report(p_tenant text, p_hook text, p_delivery text, p_of_kind text, p_state text, p_detail text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  report commit_reports;
BEGIN
  SELECT * INTO report FROM commit_reports WHERE (tenant, hook, delivery, kind) = (p_tenant, p_hook, p_delivery, p_of_kind);
  IF FOUND THEN PERFORM end_report(report, p_state, p_detail, p_at); END IF;
END $$;

CREATE FUNCTION waiting_reports(p_after_seq bigint, p_most integer)
RETURNS TABLE (tenant text, hook text, delivery text, seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT c.tenant, c.hook, c.delivery, c.seq FROM commit_reports c WHERE c.state = 'waiting' AND c.seq > p_after_seq ORDER BY c.seq LIMIT p_most
$$;
