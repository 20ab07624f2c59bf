-- What belongs to the platform and to no tenant: who may call, and who may run.

-- The processes' own door to the tokens, which they can neither list nor change.
CREATE FUNCTION find_token(hash text)
RETURNS TABLE (id text, name text, tenant text, roles text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  SELECT t.id, t.name, t.tenant, t.roles FROM tokens t WHERE t.sha256 = hash AND t.revoked_at IS NULL
$$;

-- The token that the environment gives. Another one takes the place of the one before, which is worth nothing from then on.
CREATE FUNCTION ensure_bootstrap_token(hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pointsman, pg_temp AS $$
  INSERT INTO tokens (id, name, tenant, roles, sha256, created_at) VALUES ('bootstrap', 'bootstrap', NULL, '{admin}', hash, now())
  ON CONFLICT (id) DO UPDATE SET sha256 = hash, revoked_at = NULL WHERE tokens.sha256 <> hash OR tokens.revoked_at IS NOT NULL
$$;

-- One row. Every later migration raises the level to its own number; one that takes away what running processes need also raises the
-- oldest process, and from then on those refuse to work.
CREATE TABLE schema_version (
  level bigint NOT NULL,
  oldest_process bigint NOT NULL CHECK (oldest_process <= level),
  one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO schema_version VALUES (5, 5);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;
