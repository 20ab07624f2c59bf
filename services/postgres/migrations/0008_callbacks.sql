-- Addresses that the outside world was given, each good for one answer.

-- From here on nobody listens to what was asked of the world for this release.
CREATE FUNCTION revoke_callbacks(t text, b text, v bigint, what text, at timestamptz) RETURNS void LANGUAGE sql AS $$
  SELECT
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 8, oldest_process = 8;
