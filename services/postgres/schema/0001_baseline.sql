-- Everything of one schema. Each table of a tenant carries the tenant in its key, so that row-level security and every foreign key
-- stay inside it. Times are given by the caller, who has them journaled: a repeated step writes the same row.

-- What a column may say, as domains: a CHECK of a table is read and prepared anew by each statement that writes a row of it, a domain's
-- once a connection, and only where that column is written.
CREATE DOMAIN identifier AS text CHECK (VALUE ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
-- 'queued': another release of the pointer is in front of it.
CREATE DOMAIN release_status AS text CHECK (VALUE IN ('queued', 'running', 'settled'));
CREATE DOMAIN release_outcome AS text CHECK (VALUE IN ('published', 'rejected', 'errored', 'superseded', 'cancelled'));
CREATE DOMAIN release_intent AS text CHECK (VALUE IN ('superseded', 'cancelled'));
CREATE DOMAIN stage_name AS text CHECK (VALUE IN ('validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'));
CREATE DOMAIN stage_state AS text CHECK (VALUE IN ('running', 'passed', 'failed', 'skipped'));
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

-- Which of the shared streams a tenant's moves are in: see partitionOf in packages/protocol/sinks/sink.ts.
CREATE FUNCTION stream_of(p_tenant text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT get_byte(sha256(p_tenant::bytea), 31) % 16
$$;
-- An index needs it, so that no migration drops it with the functions of functions/.
REVOKE ALL ON FUNCTION stream_of FROM PUBLIC;
-- An update of a tenant's row leaves this index alone: its name never changes.
CREATE INDEX tenants_by_stream ON tenants (stream_of(tenant), tenant);

-- What an operator has set for a tenant; every other quota has its default: see quota_default in functions/quotas.sql.
CREATE DOMAIN quota_name AS text CHECK (VALUE IN (
  'bytes', 'bundles', 'releasesInFlight', 'changesPerDay', 'policyVersions', 'followers', 'tokens', 'hooks', 'sinks'));
CREATE TABLE quotas (
  tenant text NOT NULL REFERENCES tenants,
  quota quota_name NOT NULL,
  most bigint NOT NULL CHECK (most BETWEEN 0 AND 9007199254740991),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, quota)
);

-- What is counted as it changes, because reading it from the rows would take too long. One row for each tenant, made with the tenant. It is
-- no part of the tenant's row, which swaps lock.
CREATE TABLE tenant_usage (
  tenant text PRIMARY KEY REFERENCES tenants,
  -- Contents of blobs, listings of sources, diagnostics, and answers of remote compilers.
  bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  followers bigint NOT NULL DEFAULT 0 CHECK (followers >= 0),
  -- Audit rows and hook deliveries of that day, in UTC.
  day date,
  changes bigint NOT NULL DEFAULT 0
-- Half-empty pages: an update of a row stays on its page and touches no index.
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
  -- When the sweep next looks whether an artifact or a release's source names this blob. Null once one does: then the blob stays.
  check_at timestamptz DEFAULT now() + interval '50 minutes',
  PRIMARY KEY (tenant, digest)
);
CREATE INDEX blobs_to_check ON blobs (tenant, check_at) WHERE check_at IS NOT NULL;

-- Which source (its digest), or release that is being compiled (`bundle/v12`), needs a blob that nothing names yet. The foreign key keeps the
-- sweep from deleting such a blob. The rows are deleted when the check of the blob has ended.
CREATE TABLE blob_holders (
  tenant text NOT NULL,
  digest text NOT NULL,
  holder text NOT NULL,
  PRIMARY KEY (tenant, digest, holder),
  FOREIGN KEY (tenant, digest) REFERENCES blobs
);

CREATE TABLE sources (
  tenant text NOT NULL REFERENCES tenants,
  digest text NOT NULL,
  -- [{path, digest, size}], sorted by path.
  entries jsonb NOT NULL,
  -- When the sweep next looks whether a release has this source. Null once one has: then the source stays.
  check_at timestamptz DEFAULT now() + interval '50 minutes',
  PRIMARY KEY (tenant, digest)
);
CREATE INDEX sources_to_check ON sources (tenant, check_at) WHERE check_at IS NOT NULL;

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
-- For the sweep, and for the foreign key when a blob is deleted.
CREATE INDEX artifact_blobs_by_digest ON artifact_blobs (tenant, digest);

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
  -- The push that it came from: see Origin in packages/protocol/hook.ts.
  origin jsonb,
  invocation_id text,
  -- From here on no forward step has an effect: see close_release.
  closing boolean NOT NULL DEFAULT false,
  -- What was asked of it meanwhile; the swap refuses, and the close takes it for the outcome.
  intent release_intent,
  intent_reason text,
  superseded_by bigint,
  -- The required sinks that keep the pointer from moving, while the release waits for them: see sink_bar.
  barred_by jsonb,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (tenant, bundle, version),
  FOREIGN KEY (tenant, bundle) REFERENCES bundles,
  FOREIGN KEY (tenant, source) REFERENCES sources,
  FOREIGN KEY (tenant, digest) REFERENCES artifacts,
  CHECK ((status = 'settled') = (settled_at IS NOT NULL)),
  CHECK (status <> 'settled' OR outcome IS NOT NULL),
  -- Who has moved a pointer was published, who was published has moved a pointer, and who is closed never does.
  CHECK ((generation IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'published')),
  CHECK ((generation IS NULL) = (seq IS NULL)),
  CHECK (generation IS NULL OR NOT closing)
);
-- Small, however long the history: what the sweep and the rebuilding of lost state look at.
CREATE INDEX releases_in_flight ON releases (created_at) WHERE status <> 'settled';
CREATE INDEX releases_open ON releases (tenant, bundle) WHERE status <> 'settled';
-- Which source is in use: for the sweep, and for the foreign key when a source is deleted.
CREATE INDEX releases_by_source ON releases (tenant, source);

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
  -- A rollback: the earlier move whose state it restores, which is itself no rollback. See core/moves/rollback.ts.
  restores bigint CHECK (restores < generation),
  moved_at timestamptz NOT NULL,
  announced_at timestamptz,
  PRIMARY KEY (tenant, bundle, channel, generation),
  UNIQUE (tenant, seq),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  FOREIGN KEY (tenant, bundle, channel, restores) REFERENCES moves,
  FOREIGN KEY (tenant, bundle, to_version) REFERENCES releases,
  FOREIGN KEY (tenant, to_digest) REFERENCES artifacts
);
-- A release moves a pointer by itself at most once, whatever is repeated.
CREATE UNIQUE INDEX moves_once ON moves (tenant, bundle, to_version) WHERE kind = 'publish';
-- Where the feed's retention begins: the first number that is young enough, found without reading what is in it.
CREATE INDEX moves_by_time ON moves (tenant, moved_at, seq);
-- Whether a pointer has named a release before, and when last.
CREATE INDEX moves_to_version ON moves (tenant, bundle, channel, to_version, generation);

CREATE TABLE idempotency_keys (
  tenant text NOT NULL REFERENCES tenants,
  key text NOT NULL,
  fingerprint text NOT NULL,
  answer jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text NOT NULL,
  at timestamptz NOT NULL,
  by text NOT NULL,
  action text NOT NULL,
  detail jsonb NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, id);
CREATE INDEX audit_by_age ON audit (at);

-- The platform's own: no tenant's rows, and reached through functions only.
CREATE TABLE tokens (
  id text PRIMARY KEY,
  -- Who stands in the record for what is done by it. The environment's own token is the one "admin".
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$' AND lower(name) <> 'admin'),
  -- Null: of the platform, for every tenant.
  tenant text REFERENCES tenants,
  roles text[] NOT NULL CHECK (roles <@ '{viewer,publisher,approver,reporter,admin,follower}' AND cardinality(roles) BETWEEN 1 AND 6),
  -- The token itself is nowhere.
  sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- Null once it has expired.
  idempotency_key text,
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
CREATE INDEX tokens_with_key ON tokens (created_at) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tokens_by_age ON tokens (created_at, id);
CREATE INDEX tokens_of_tenant_by_age ON tokens (tenant, created_at, id);

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

-- What must be said before the swap, and who said what. A release's gates are its policy's, written down when its artifact is stored.

CREATE DOMAIN gate_kind AS text CHECK (VALUE IN ('approval', 'check', 'window', 'schedule'));
CREATE DOMAIN gate_state AS text CHECK (VALUE IN ('open', 'passed', 'failed', 'expired', 'closed'));
CREATE DOMAIN verdict_word AS text CHECK (VALUE IN ('approve', 'reject', 'success', 'failure'));
CREATE DOMAIN gate_change AS text CHECK (VALUE IN ('opened', 'said', 'voided', 'passed', 'failed', 'expired', 'closed'));

CREATE TABLE gates (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate identifier NOT NULL,
  ordinal integer NOT NULL,
  kind gate_kind NOT NULL,
  -- As the policy has it.
  rule jsonb NOT NULL,
  state gate_state NOT NULL DEFAULT 'open',
  -- An approval is of this artifact in place of what is live at this generation. Words that were said against another one are void.
  base_generation bigint,
  opened_at timestamptz NOT NULL,
  deadline_at timestamptz,
  decided_at timestamptz,
  PRIMARY KEY (tenant, bundle, version, gate),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((kind = 'approval') = (base_generation IS NOT NULL)),
  CHECK ((kind IN ('approval', 'check')) = (deadline_at IS NOT NULL)),
  CHECK ((state = 'open') = (decided_at IS NULL))
);
CREATE INDEX gates_open ON gates (tenant, opened_at, bundle, version, gate) WHERE state = 'open';

CREATE TABLE verdicts (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate text NOT NULL,
  -- 0 for a check, which is of the artifact alone.
  base_generation bigint NOT NULL,
  by text NOT NULL,
  word verdict_word NOT NULL,
  comment text,
  url text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, gate, base_generation, by),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates
);

-- Everything that happened to the gates of a release, numbered under its row's lock: who follows it goes on after the number that he has,
-- whichever process tells him.
CREATE TABLE gate_changes (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  n integer NOT NULL,
  gate text NOT NULL,
  change gate_change NOT NULL,
  base_generation bigint NOT NULL,
  -- Whose verdict it was.
  by text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, n),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates,
  FOREIGN KEY (tenant, bundle, version, gate, base_generation, by) REFERENCES verdicts,
  CHECK ((change = 'said') = (by IS NOT NULL))
);

-- Addresses that the outside world was given, each good for one answer. Rows are locked in the order release, pointer, tenant, and a callback last.

CREATE DOMAIN callback_purpose AS text CHECK (VALUE IN ('check', 'compile'));
CREATE DOMAIN callback_state AS text CHECK (VALUE IN ('open', 'used', 'revoked'));
-- 'given_up': the request did not arrive. 'not_requested': it was never made before the deadline. 'no_response': nothing came before the deadline.
CREATE DOMAIN revocation AS text CHECK (VALUE IN ('given_up', 'not_requested', 'no_response', 'release_closed', 'release_published'));

CREATE TABLE callbacks (
  tenant text NOT NULL,
  -- The callout for which it was given out: acme/support-bot/v12/compile/1.
  id text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  purpose callback_purpose NOT NULL,
  -- The gate, or the attempt.
  subject text NOT NULL,
  -- Of the capability, which itself is nowhere here. Null where none was given out, and none will be.
  sha256 text UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- Whom an answer wakes: see handlers/release/record-callback.ts.
  awakeable_id text,
  wake bigint,
  deadline_at timestamptz NOT NULL,
  state callback_state NOT NULL DEFAULT 'open',
  closed_at timestamptz,
  cause revocation,
  -- Of one that was given up: why, and whether the next one would be for the same reason.
  reason text,
  final boolean NOT NULL DEFAULT false,
  answer jsonb,
  fingerprint text,
  uploaded_blobs bigint NOT NULL DEFAULT 0,
  uploaded_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, bundle, version, purpose, subject),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'used') = (answer IS NOT NULL AND fingerprint IS NOT NULL)),
  CHECK ((state = 'revoked') = (cause IS NOT NULL)),
  CHECK ((reason IS NOT NULL) = (cause IS NOT NULL AND cause = 'given_up')),
  CHECK (state = 'revoked' OR sha256 IS NOT NULL)
);

-- Pushes that a provider delivers, and what their commits are told.

CREATE DOMAIN hook_provider AS text CHECK (VALUE IN ('github', 'gitlab', 'generic'));
CREATE DOMAIN delivery_state AS text CHECK (VALUE IN ('received', 'fetching', 'published', 'refused', 'ignored', 'failed'));
CREATE DOMAIN report_kind AS text CHECK (VALUE IN ('pending', 'final'));
-- 'skipped': something later speaks for the commit.
CREATE DOMAIN report_state AS text CHECK (VALUE IN ('waiting', 'done', 'failed', 'skipped'));

CREATE TABLE hooks (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  provider hook_provider NOT NULL,
  repository text NOT NULL,
  -- A ref, or the beginning of one and '*'.
  ref text NOT NULL,
  -- The folder that is the source; null for the whole repository.
  path text,
  bundle identifier NOT NULL,
  channel identifier NOT NULL,
  -- Whether a push may create the channel: see channel_bar.
  create_channel boolean NOT NULL,
  -- Null for the provider's own.
  api_url text,
  -- Both sealed: see services/secrets.
  secret text NOT NULL,
  token text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  -- Old deliveries up to that number were examined: see forget_deliveries.
  examined_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, hook)
);

-- What was delivered, without the payload. A row outlives its hook: what was published once is not published again by a new hook of that
-- name. Ninety days after it has ended it is forgotten.
CREATE TABLE deliveries (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  delivery text NOT NULL,
  -- The order of arrival.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- Digest of the payload.
  fingerprint text NOT NULL,
  provider hook_provider NOT NULL,
  -- As the payload says; null where it says nothing of the kind.
  repository text,
  ref text,
  commit text,
  subject text,
  source_url text,
  -- Epoch seconds; null where the provider does not say when.
  pushed_at bigint,
  -- As the rule was then.
  path text,
  bundle identifier NOT NULL,
  channel identifier NOT NULL,
  state delivery_state NOT NULL,
  version bigint,
  reason text,
  received_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, hook, delivery),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((state = 'published') = (version IS NOT NULL)),
  CHECK ((state IN ('refused', 'ignored', 'failed')) = (reason IS NOT NULL)),
  CHECK (state = 'ignored' OR (repository IS NOT NULL AND ref IS NOT NULL AND commit IS NOT NULL))
);
CREATE UNIQUE INDEX deliveries_in_order ON deliveries (tenant, hook, seq);
CREATE INDEX deliveries_open ON deliveries (seq) WHERE state IN ('received', 'fetching');
-- The latest push that was published: see overtaken_by.
CREATE INDEX deliveries_published ON deliveries (tenant, hook, bundle, channel, (coalesce(pushed_at, 0)), seq) WHERE version IS NOT NULL;

-- What a commit is to be told: written in the transaction that makes it true, and told by a CommitStatus.
CREATE TABLE commit_reports (
  tenant text NOT NULL,
  hook text NOT NULL,
  delivery text NOT NULL,
  kind report_kind NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- The last word; null while there is none.
  outcome release_outcome,
  reason text,
  version bigint,
  state report_state NOT NULL DEFAULT 'waiting',
  detail text,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (tenant, hook, delivery, kind),
  FOREIGN KEY (tenant, hook, delivery) REFERENCES deliveries,
  CHECK ((kind = 'final') = (outcome IS NOT NULL)),
  CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX commit_reports_waiting ON commit_reports (seq) WHERE state = 'waiting';

-- Where moves are delivered, and how far each delivery has come.

CREATE DOMAIN sink_kind AS text CHECK (VALUE IN ('webhook', 'redis', 'rabbitmq'));

-- Whether a partition of a broker takes moves. One row for all tenants of the partition: a broker that fails for one of them fails for all.
-- Its writer records each batch here, and whoever probes the broker records what it answered.
CREATE TABLE broker_streams (
  broker sink_kind NOT NULL CHECK (broker <> 'webhook'),
  stream integer NOT NULL,
  failures bigint NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  retry_at timestamptz,
  -- When the last try began that the broker confirmed.
  proven_at timestamptz,
  PRIMARY KEY (broker, stream),
  CHECK ((failures = 0) = (failing_since IS NULL))
-- Half-empty pages: each batch updates its row, and with room beside it the update touches no index.
) WITH (fillfactor = 50);

-- The rows of brokers are made by the first delivery or the first word about them; those of webhooks by `put_sink`. A broker's row has
-- what concerns this tenant alone: its cursor, its pause, and failures of its own events. Whether the broker is well stands in `broker_streams`.
CREATE TABLE sinks (
  tenant text NOT NULL REFERENCES tenants,
  sink identifier NOT NULL,
  kind sink_kind NOT NULL,
  -- A webhook's. The secrets are sealed: services/secrets.
  url text,
  secret text,
  previous_secret text,
  previous_until timestamptz,
  -- What the Sink object has in its state, as far as it has told: up to that number of the feed all is delivered.
  delivered_seq bigint NOT NULL,
  delivered_at timestamptz,
  failures bigint NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  retry_at timestamptz,
  -- A webhook's: when the last try began that it confirmed.
  proven_at timestamptz,
  paused_by text,
  paused_at timestamptz,
  pause_reason text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, sink),
  CHECK ((kind = 'webhook') = (url IS NOT NULL)), CHECK ((kind = 'webhook') = (secret IS NOT NULL)),
  CHECK (CASE WHEN kind = 'webhook' THEN sink NOT IN ('redis', 'rabbitmq') ELSE sink = kind END),
  CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
  CHECK ((failures = 0) = (failing_since IS NULL)),
  CHECK ((paused_by IS NULL) = (paused_at IS NULL))
);

-- What became of each try at a webhook.
CREATE TABLE webhook_attempts (
  tenant text NOT NULL,
  sink text NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  -- Null: a test.
  seq bigint,
  -- The event's id.
  event text NOT NULL,
  delivered boolean NOT NULL,
  -- Null: no answer.
  status integer,
  summary text NOT NULL,
  took_ms integer NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, sink, n),
  FOREIGN KEY (tenant, sink) REFERENCES sinks ON DELETE CASCADE
);
-- Who runs what: the last word of each runtime that follows a pointer.

CREATE TABLE followers (
  tenant text NOT NULL,
  bundle text NOT NULL,
  channel text NOT NULL,
  follower identifier NOT NULL,
  -- 0 while it runs nothing yet.
  generation bigint NOT NULL,
  digest text,
  -- When it first said that it runs this.
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  by text NOT NULL,
  PRIMARY KEY (tenant, bundle, channel, follower),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  CHECK (generation >= 0),
  CHECK ((generation = 0) = (digest IS NULL))
-- Half-empty pages: each heartbeat updates its row, and with room beside it the update touches no index. For the same reason there is
-- none by seen_at; a channel has so few followers that reading them all is faster than keeping one.
) WITH (fillfactor = 50);

-- One row. Each later file of this folder raises the level to its own number. A file that takes away what running processes need also
-- raises the oldest process: older processes then refuse to work.
CREATE TABLE schema_version (
  level bigint NOT NULL,
  oldest_process bigint NOT NULL CHECK (oldest_process <= level),
  -- Which text of functions/ was applied last: see FUNCTIONS_LEVEL in schema-version.ts.
  functions_level bigint NOT NULL,
  one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO schema_version VALUES (1, 1, 0);

-- Row-level security: a transaction without a tenant set sees no rows. It is forced, so that the owner of the tables is no exception. The
-- tables that SECURITY DEFINER functions read across tenants have a second policy for the owner, for reading only.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
              WHERE c.relnamespace = 'pointsman'::regnamespace AND c.relkind = 'r' AND c.relname <> 'tokens' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %I USING (tenant = current_setting(''pointsman.tenant'', true))', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY[
    'tenants', 'releases', 'pointers', 'artifacts', 'callbacks', 'deliveries', 'commit_reports', 'sinks', 'moves',
    'sources', 'blobs', 'idempotency_keys', 'audit', 'tenant_usage'] LOOP
    EXECUTE format('CREATE POLICY across_tenants ON %I FOR SELECT TO CURRENT_USER USING (true)', name);
  END LOOP;
  ALTER TABLE tokens ENABLE ROW LEVEL SECURITY;
END $$;
