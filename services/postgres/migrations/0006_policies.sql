-- What a tenant's releases must pass. Every version stays: a release keeps the one that it was admitted under.
CREATE TABLE policies (
  tenant text NOT NULL REFERENCES tenants,
  version counting_number NOT NULL,
  -- As core/policy.ts has parsed it, its defaults filled in.
  document jsonb NOT NULL,
  message text,
  by text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, version)
);
ALTER TABLE policies ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON policies USING (tenant = current_setting('pointsman.tenant', true));

CREATE FUNCTION policy_now(t text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(version), 0) FROM policies WHERE tenant = t
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pointsman FROM PUBLIC;

UPDATE schema_version SET level = 6, oldest_process = 6;
