-- Functions that notify the processes of changes. PostgreSQL delivers a notification when the transaction commits.

-- These triggers notify the readers of a release when one of its stages or gates changes, in the same transaction. The functions that
-- settle a release notify its readers of the end. PostgreSQL sends identical notifications of one transaction only once.
CREATE FUNCTION notify_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM notify_readers(NEW.tenant, NEW.bundle, NULL, NEW.version, 'progress');
  RETURN NULL;
END $$;
CREATE TRIGGER progress_is_notified AFTER INSERT OR UPDATE ON stages FOR EACH ROW EXECUTE FUNCTION notify_progress();
CREATE TRIGGER progress_is_notified AFTER INSERT ON gate_changes FOR EACH ROW EXECUTE FUNCTION notify_progress();

CREATE FUNCTION notify_readers(p_tenant text, p_bundle text, p_channel text, p_version bigint, p_event text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('pointsman', jsonb_build_object('tenant', p_tenant, 'bundle', p_bundle, 'channel', p_channel, 'version', p_version, 'kind', p_event)::text)
$$;
