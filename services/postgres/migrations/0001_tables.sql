-- Everything of one schema. Each table of a tenant carries the tenant in its key, so that row-level security and every foreign key
-- stay inside it. Times are given by the caller, who has them journaled: a repeated step writes the same row.

-- What a column may say, as domains: a CHECK of a table is read and prepared anew by each statement that writes a row of it, a domain's
-- once a connection, and only where that column is written.
CREATE DOMAIN identifier AS text CHECK (VALUE ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
CREATE DOMAIN release_status AS text CHECK (VALUE IN ('waiting', 'running', 'settled'));
CREATE DOMAIN release_outcome AS text CHECK (VALUE IN ('published', 'rejected', 'errored', 'superseded', 'cancelled', 'reverted'));
CREATE DOMAIN release_intent AS text CHECK (VALUE IN ('superseded', 'cancelled'));
CREATE DOMAIN stage_name AS text CHECK (VALUE IN ('validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'));
CREATE DOMAIN stage_state AS text CHECK (VALUE IN ('running', 'passed', 'failed'));
CREATE DOMAIN effect_name AS text CHECK (VALUE IN (
  'artifact-claim', 'check-request', 'compile-request', 'pointer-move', 'announcement', 'commit-status'));
-- 'begun': the call was made or is being made, and nobody knows yet whether it arrived; 'failed': it did not, for good.
CREATE DOMAIN effect_state AS text CHECK (VALUE IN ('begun', 'done', 'failed', 'compensated', 'compensation_failed'));
CREATE DOMAIN move_kind AS text CHECK (VALUE IN ('publish', 'hand'));
-- Versions, generations and the numbers of the feed are counted from 1.
CREATE DOMAIN counting_number AS bigint CHECK (VALUE >= 1);

CREATE TABLE tenants (
  tenant identifier PRIMARY KEY,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  -- The last number of the tenant's feed. Taken under this row's lock by the transaction that moves a pointer: an identity column
  -- would be taken before the commit, and a reader's cursor could pass a number that commits late.
  feed_seq bigint NOT NULL DEFAULT 0
-- Half-empty pages: every move updates this row, and with room beside it the update touches no index.
) WITH (fillfactor = 50);

CREATE TABLE bundles (
  tenant text NOT NULL REFERENCES tenants,
  bundle identifier NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle)
);

-- Content under its own name, shared inside one tenant and never across: a digest tells nothing about what others store.
CREATE TABLE blobs (
  tenant text NOT NULL REFERENCES tenants,
  -- Not what somebody says that it is: what is stored under a name is what the name says, or is not stored.
  digest text NOT NULL CHECK (digest = 'sha256:' || encode(sha256(content), 'hex')),
  media_type text NOT NULL,
  size bigint NOT NULL CHECK (size = octet_length(content)),
  -- Compressed by the server where that helps: it tries the first kilobyte, and leaves alone what is compressed already.
  content bytea NOT NULL,
  PRIMARY KEY (tenant, digest)
);

CREATE TABLE sources (
  tenant text NOT NULL REFERENCES tenants,
  digest text NOT NULL,
  -- [{path, digest, size}], sorted by path.
  entries jsonb NOT NULL,
  PRIMARY KEY (tenant, digest)
);

CREATE TABLE artifacts (
  tenant text NOT NULL,
  digest text NOT NULL,
  PRIMARY KEY (tenant, digest),
  -- The manifest is itself a blob.
  FOREIGN KEY (tenant, digest) REFERENCES blobs
);

-- Everything that a manifest names. The foreign key is the promise that nothing dangles.
CREATE TABLE artifact_blobs (
  tenant text NOT NULL,
  artifact text NOT NULL,
  -- 0 is the index; the files follow in the manifest's order.
  ordinal integer NOT NULL,
  digest text NOT NULL,
  path text,
  size bigint NOT NULL,
  media_type text NOT NULL,
  PRIMARY KEY (tenant, artifact, ordinal),
  UNIQUE (tenant, artifact, path),
  FOREIGN KEY (tenant, artifact) REFERENCES artifacts,
  FOREIGN KEY (tenant, digest) REFERENCES blobs
);

CREATE TABLE releases (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version counting_number NOT NULL,
  channel text NOT NULL,
  status release_status NOT NULL,
  -- Set by the swap, or by the close; the last word once the status is settled.
  outcome release_outcome,
  reason text,
  source text NOT NULL,
  digest text,
  -- The generation to which this release moved its pointer, and that move's number in the feed.
  generation bigint,
  seq bigint,
  if_generation bigint,
  -- The policy that it must pass: the tenant's last one when it was admitted, 0 for none.
  policy_version bigint NOT NULL,
  -- Not live before that time.
  not_before timestamptz,
  -- How often somebody's word has changed its gates: names the promise that its workflow waits on.
  gate_wakes bigint NOT NULL DEFAULT 0,
  message text,
  by text NOT NULL,
  idempotency_key text NOT NULL,
  -- The push that it came from: see Origin in core/hook.ts.
  origin jsonb,
  invocation_id text,
  -- From here on no forward step has an effect: see close_release.
  closing boolean NOT NULL DEFAULT false,
  -- What was asked of it meanwhile; the swap refuses, and the close takes it for the outcome.
  intent release_intent,
  intent_reason text,
  superseded_by bigint,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (tenant, bundle, version),
  FOREIGN KEY (tenant, bundle) REFERENCES bundles,
  FOREIGN KEY (tenant, source) REFERENCES sources,
  FOREIGN KEY (tenant, digest) REFERENCES artifacts,
  CHECK ((status = 'settled') = (settled_at IS NOT NULL)),
  CHECK (status <> 'settled' OR outcome IS NOT NULL),
  -- Who has moved a pointer was published, who was published has moved a pointer, and who is closed never does.
  CHECK ((generation IS NOT NULL) = (outcome IS NOT NULL AND outcome IN ('published', 'reverted'))),
  CHECK ((generation IS NULL) = (seq IS NULL)),
  CHECK (generation IS NULL OR NOT closing)
);
-- Small, however long the history: what the sweep and the rebuilding of lost state look at.
CREATE INDEX releases_in_flight ON releases (created_at) WHERE status <> 'settled';
CREATE INDEX releases_open ON releases (tenant, bundle) WHERE status <> 'settled';

-- Channel '' is the base.
CREATE TABLE release_artifacts (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  channel text NOT NULL,
  digest text NOT NULL,
  PRIMARY KEY (tenant, bundle, version, channel),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  FOREIGN KEY (tenant, digest) REFERENCES artifacts
);

-- Why an artifact must be kept although no pointer names it. What has no claim and no pointer may be collected.
CREATE TABLE artifact_claims (
  tenant text NOT NULL,
  digest text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant, bundle, version, digest),
  FOREIGN KEY (tenant, digest) REFERENCES artifacts,
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases
);

CREATE TABLE stages (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  stage stage_name NOT NULL,
  state stage_state NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  diagnostics jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (tenant, bundle, version, stage),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases
);

-- The ledger: what was done outside of the release's own row, and whether it stands.
CREATE TABLE effects (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  effect effect_name NOT NULL,
  -- Which of several: the check's name, the attempt; '' where there is one at most.
  subject text NOT NULL DEFAULT '',
  state effect_state NOT NULL,
  detail text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, effect, subject),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases
);

CREATE TABLE pointers (
  tenant text NOT NULL,
  bundle text NOT NULL,
  channel identifier NOT NULL,
  version bigint,
  digest text,
  generation bigint NOT NULL DEFAULT 0,
  hold_reason text,
  hold_by text,
  hold_at timestamptz,
  moved_at timestamptz,
  PRIMARY KEY (tenant, bundle, channel),
  FOREIGN KEY (tenant, bundle) REFERENCES bundles,
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  FOREIGN KEY (tenant, digest) REFERENCES artifacts,
  CHECK ((generation = 0) = (version IS NULL)),
  CHECK ((version IS NULL) = (digest IS NULL)),
  CHECK ((hold_reason IS NULL) = (hold_by IS NULL))
);

CREATE TABLE moves (
  tenant text NOT NULL,
  bundle text NOT NULL,
  channel text NOT NULL,
  generation counting_number NOT NULL,
  seq counting_number NOT NULL,
  kind move_kind NOT NULL,
  from_version bigint,
  from_digest text,
  to_version bigint NOT NULL,
  to_digest text NOT NULL,
  by text NOT NULL,
  why text NOT NULL,
  moved_at timestamptz NOT NULL,
  announced_at timestamptz,
  PRIMARY KEY (tenant, bundle, channel, generation),
  UNIQUE (tenant, seq),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  FOREIGN KEY (tenant, bundle, to_version) REFERENCES releases,
  FOREIGN KEY (tenant, to_digest) REFERENCES artifacts
);
-- A release moves a pointer by itself at most once, whatever is repeated.
CREATE UNIQUE INDEX moves_once ON moves (tenant, bundle, to_version) WHERE kind = 'publish';

CREATE TABLE idempotency_keys (
  tenant text NOT NULL REFERENCES tenants,
  key text NOT NULL,
  fingerprint text NOT NULL,
  answer jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, key)
);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text NOT NULL,
  at timestamptz NOT NULL,
  by text NOT NULL,
  action text NOT NULL,
  detail jsonb NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, id);

-- The platform's own: no tenant's rows, and reached through functions only.
CREATE TABLE tokens (
  id text PRIMARY KEY,
  -- Who stands in the record for what is done by it. The environment's own token is the one "admin".
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$' AND lower(name) <> 'admin'),
  -- Null: of the platform, for every tenant.
  tenant text REFERENCES tenants,
  roles text[] NOT NULL CHECK (roles <@ '{viewer,publisher,approver,admin,follower}' AND cardinality(roles) BETWEEN 1 AND 5),
  -- The token itself is nowhere.
  sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  idempotency_key text NOT NULL,
  fingerprint text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_by text,
  revoked_at timestamptz,
  CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
);
-- One speaks by a name at a time: rules that want two persons compare names. No tenant is called ''.
CREATE UNIQUE INDEX token_names ON tokens (coalesce(tenant, ''), name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX token_keys ON tokens (coalesce(tenant, ''), idempotency_key);
CREATE INDEX tokens_by_age ON tokens (created_at, id);
CREATE INDEX tokens_of_tenant_by_age ON tokens (tenant, created_at, id);
