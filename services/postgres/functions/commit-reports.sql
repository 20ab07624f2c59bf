-- Schedules the final commit status of a release. Runs in the transaction that settles the release. The next round of the worker's sweep,
-- within seconds, starts the CommitStatus handler, which sends it.
CREATE FUNCTION schedule_commit_status(p_release releases, p_outcome text, p_reason text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO commit_reports (tenant, hook, delivery, kind, outcome, reason, version, created_at)
  SELECT p_release.tenant, h.hook, d.delivery, 'final', p_outcome, p_reason, p_release.version, p_at
  FROM deliveries d JOIN hooks h USING (tenant, hook)
  WHERE (d.tenant, d.hook, d.delivery) = (p_release.tenant, p_release.origin->>'hook', p_release.origin->>'delivery') AND reports_commits(h)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM put_effect(p_release.tenant, p_release.bundle, p_release.version, 'commit-status', 'started', NULL, p_at);
END $$;

-- The next commit status to send for a hook delivery; null if no status is waiting.
--
-- `dropped` is the reason for not sending the status, which the caller then records. One reason is that the hook was deleted or has another
-- repository now. Another reason is that a later status replaces this status. The later status is the final status, or a status of a later
-- delivery of the same commit to the same channel.
CREATE FUNCTION next_report(p_tenant text, p_hook text, p_delivery text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('kind', r.kind, 'outcome', r.outcome, 'dropped', CASE
    WHEN k.hook IS NULL THEN 'hook_deleted'
    WHEN NOT is_for(k, d) THEN 'other_repository'
    WHEN r.kind = 'pending' AND EXISTS (
      SELECT FROM commit_reports f WHERE (f.tenant, f.hook, f.delivery, f.kind) = (p_tenant, p_hook, p_delivery, 'final')) THEN 'final_reported'
    WHEN EXISTS (
      SELECT FROM deliveries later JOIN commit_reports l USING (tenant, hook, delivery)
      WHERE (later.tenant, later.hook, later.commit, later.bundle, later.channel) = (p_tenant, p_hook, d.commit, d.bundle, d.channel) AND later.seq > d.seq)
      THEN 'later_delivery' END)
  FROM commit_reports r JOIN deliveries d USING (tenant, hook, delivery) LEFT JOIN hooks k USING (tenant, hook)
  WHERE (r.tenant, r.hook, r.delivery, r.state) = (p_tenant, p_hook, p_delivery, 'waiting') ORDER BY r.kind = 'final' LIMIT 1
$$;

-- The data for sending one commit status; null if it can no longer be sent.
CREATE FUNCTION find_report(p_tenant text, p_hook text, p_delivery text, p_of_kind text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('outcome', c.outcome, 'reason', c.reason, 'version', c.version, 'repository', k.repository, 'ref', d.ref,
    'commit', d.commit, 'bundle', d.bundle, 'channel', d.channel, 'provider', k.provider, 'apiUrl', k.api_url, 'token', k.token)
  FROM commit_reports c JOIN deliveries d USING (tenant, hook, delivery) JOIN hooks k USING (tenant, hook)
  WHERE (c.tenant, c.hook, c.delivery, c.kind) = (p_tenant, p_hook, p_delivery, p_of_kind) AND is_for(k, d)
$$;

-- Records the final state of a commit status, in its own row and in the release's ledger of effects.
CREATE FUNCTION end_report(p_report commit_reports, p_state text, p_detail text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  release releases;
BEGIN
  UPDATE commit_reports SET state = p_state, detail = p_detail, ended_at = p_at
  WHERE (tenant, hook, delivery, kind) = (p_report.tenant, p_report.hook, p_report.delivery, p_report.kind) AND state = 'waiting';
  IF NOT FOUND OR p_report.version IS NULL THEN RETURN; END IF;
  SELECT s.* INTO release FROM releases s JOIN deliveries d USING (tenant, bundle)
  WHERE (d.tenant, d.hook, d.delivery) = (p_report.tenant, p_report.hook, p_report.delivery) AND s.version = p_report.version;
  PERFORM put_effect(release.tenant, release.bundle, release.version, 'commit-status', CASE p_state WHEN 'done' THEN 'done' ELSE 'failed' END, p_detail, p_at);
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
