-- The complete schema. Every table with data of tenants has the tenant in its key. Row-level security therefore applies, and foreign keys
-- stay within one tenant.
--
-- Callers pass times as parameters. A durable step journals its time, so a repeated step writes the same row.

-- Domains restrict the values of many columns, instead of a CHECK of the table. PostgreSQL parses and prepares a table's CHECK again for
-- each statement that writes a row. It prepares a domain's CHECK once per connection, and evaluates it only when the column is written.
CREATE DOMAIN identifier AS text CHECK (VALUE ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');
-- 'queued' means that the release waits for another release of the same pointer.
CREATE DOMAIN release_status AS text CHECK (VALUE IN ('queued', 'running', 'settled'));
CREATE DOMAIN release_outcome AS text CHECK (VALUE IN ('published', 'unchanged', 'rejected', 'errored', 'superseded', 'cancelled'));
CREATE DOMAIN release_intent AS text CHECK (VALUE IN ('superseded', 'cancelled'));
CREATE DOMAIN stage_name AS text CHECK (VALUE IN ('validate', 'compile', 'store', 'gate', 'swap', 'announce', 'verify'));
CREATE DOMAIN stage_state AS text CHECK (VALUE IN ('running', 'passed', 'failed', 'skipped'));
CREATE DOMAIN effect_name AS text CHECK (VALUE IN (
  'artifact-claim', 'check-request', 'compile-request', 'pointer-move', 'announcement', 'commit-status'));

-- 'started' means that the call was made or is under way, and its result is not known. 'failed' means that the call failed permanently.
CREATE DOMAIN effect_state AS text CHECK (VALUE IN ('started', 'done', 'failed', 'compensated', 'compensation_failed'));
CREATE DOMAIN move_kind AS text CHECK (VALUE IN ('publish', 'hand'));
-- The type of versions, generations and feed numbers, which all start at 1.
CREATE DOMAIN counting_number AS bigint CHECK (VALUE >= 1);

CREATE TABLE tenants (
  tenant identifier PRIMARY KEY,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  -- The number of the last move in the tenant's feed. The transaction that moves a pointer takes the next number while it holds the lock of
  -- this row. An identity column would assign numbers before the commit. A reader's cursor could then skip a number that commits later.
  feed_seq bigint NOT NULL DEFAULT 0
-- Every move updates this row. Half of each page stays free, so that the updated row fits on the same page and no index changes.
) WITH (fillfactor = 50);

-- The shared stream of a broker that carries the moves of a tenant: see partitionOf in packages/protocol/sinks/sink.ts. The function is
-- defined here because an index uses it. The functions in functions/ are dropped and created again by a migration.
CREATE FUNCTION stream_of(p_tenant text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT get_byte(sha256(p_tenant::bytea), 31) % 16
$$;
REVOKE ALL ON FUNCTION stream_of FROM PUBLIC;
-- The name of a tenant never changes, so updates of the row do not change this index.
CREATE INDEX tenants_by_stream ON tenants (stream_of(tenant), tenant);

-- The quotas that an operator has set for a tenant. A quota without a row has its default: see quota_default in functions/quotas.sql.
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

-- Counters that would take too long to compute from the stored rows. Each tenant has one row, which is created with the tenant. The
-- counters are not columns of `tenants`, because transactions that move a pointer lock the rows of that table.
CREATE TABLE tenant_usage (
  tenant text PRIMARY KEY REFERENCES tenants,
  -- The stored bytes of the tenant: blob contents, source listings, diagnostics and the reports of remote compilers.
  bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  followers bigint NOT NULL DEFAULT 0 CHECK (followers >= 0),
  -- `changes` is the number of audit rows and hook deliveries on the date `day` (UTC).
  day date,
  changes bigint NOT NULL DEFAULT 0
-- Half of each page stays free, so that an updated row fits on the same page and no index changes.
) WITH (fillfactor = 50);

CREATE TABLE bundles (
  tenant text NOT NULL REFERENCES tenants,
  bundle identifier NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle)
);

-- Stored content by its digest. Blobs are shared within a tenant, but never between tenants. A digest therefore reveals nothing about other
-- tenants' content.
CREATE TABLE blobs (
  tenant text NOT NULL REFERENCES tenants,
  -- The CHECK computes the digest, so content can't be stored under a wrong digest.
  digest text NOT NULL CHECK (digest = 'sha256:' || encode(sha256(content), 'hex')),
  media_type text NOT NULL,
  size bigint NOT NULL CHECK (size = octet_length(content)),
  -- PostgreSQL compresses the content. It first tries to compress one kilobyte, and stores incompressible content unchanged.
  content bytea NOT NULL,
  -- The time when the sweep next checks whether an artifact or the source of a release refers to this blob. Null after the sweep has found
  -- a reference, because the blob is then kept permanently.
  check_at timestamptz DEFAULT now() + interval '50 minutes',
  PRIMARY KEY (tenant, digest)
);
CREATE INDEX blobs_to_check ON blobs (tenant, check_at) WHERE check_at IS NOT NULL;

-- Protects blobs to which nothing refers yet. `holder` is the digest of the source, or the name of the release whose remote compilation runs
-- (`bundle/v12`). A source holds its files and what was compiled from it. The foreign key prevents the sweep from deleting the blob. The rows
-- are deleted when the sweep has finished checking the blob.
CREATE TABLE blob_holders (
  tenant text NOT NULL,
  digest text NOT NULL,
  holder text NOT NULL,
  PRIMARY KEY (tenant, digest, holder),
  FOREIGN KEY (tenant, digest) REFERENCES blobs
);
-- This index serves the sweep, which deletes the rows of a source.
CREATE INDEX blob_holders_by_holder ON blob_holders (tenant, holder);

CREATE TABLE sources (
  tenant text NOT NULL REFERENCES tenants,
  digest text NOT NULL,
  -- The files of the source as [{path, digest, size}], sorted by path.
  entries jsonb NOT NULL,
  -- The time when the sweep next checks whether a release uses this source. Null after the sweep has found such a release, because the
  -- source is then kept permanently.
  check_at timestamptz DEFAULT now() + interval '50 minutes',
  PRIMARY KEY (tenant, digest)
);
CREATE INDEX sources_to_check ON sources (tenant, check_at) WHERE check_at IS NOT NULL;

-- The results of successful compilations. A compilation is kept as long as its source.
CREATE TABLE compilations (
  tenant text NOT NULL,
  source text NOT NULL,
  -- The name of the compiler: see executor_name.
  executor text NOT NULL,
  -- The compiled artifacts as [{channel, digest}]. The channel of the base artifact is null. The blobs of all artifacts are stored.
  artifacts jsonb NOT NULL,
  -- The warnings about the source, see Diagnostic in packages/protocol/releases/diagnostic.ts.
  warnings jsonb NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, executor),
  FOREIGN KEY (tenant, source) REFERENCES sources
);

CREATE TABLE artifacts (
  tenant text NOT NULL,
  digest text NOT NULL,
  PRIMARY KEY (tenant, digest),
  -- The manifest of an artifact is itself stored as a blob.
  FOREIGN KEY (tenant, digest) REFERENCES blobs
);

-- The blobs to which the manifest of an artifact refers. The foreign key guarantees that all of them are stored.
CREATE TABLE artifact_blobs (
  tenant text NOT NULL,
  artifact text NOT NULL,
  -- The position of the blob in the OCI manifest. The manifest's config has position 0, and its layers follow in their order.
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
-- This index serves the sweep, and the foreign key check when a blob is deleted.
CREATE INDEX artifact_blobs_by_digest ON artifact_blobs (tenant, digest);

CREATE TABLE releases (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version counting_number NOT NULL,
  channel text NOT NULL,
  status release_status NOT NULL,
  -- The outcome is set when the release moves its pointer, which settles the release, or when it is closed.
  outcome release_outcome,
  reason text,
  source text NOT NULL,
  digest text,
  -- The generation to which this release moved its pointer, and the feed number of that move. Null before the move.
  generation bigint,
  seq bigint,
  -- The version to which the pointer referred, with the same artifact, when this release settled as unchanged.
  same_as bigint,
  if_generation bigint,
  -- The policy version that applies to this release. It is the tenant's latest version when the release was admitted, or 0 if the tenant
  -- had no policy.
  policy_version bigint NOT NULL,
  -- The earliest time at which the release may go live.
  not_before timestamptz,
  -- The number of decisions that have settled a gate of this release. The workflow of the release waits for a promise that has this number
  -- in its name.
  gates_decided bigint NOT NULL DEFAULT 0,
  message text,
  by text NOT NULL,
  idempotency_key text NOT NULL,
  -- The push that triggered the release: see Origin in packages/protocol/hook.ts.
  origin jsonb,
  invocation_id text,
  -- Whether the release is being closed or is closed. No step that advances the release has an effect from then on: see close_release.
  closing boolean NOT NULL DEFAULT false,
  -- Set when the release is superseded or cancelled while it runs. The release can then no longer move its pointer, and this value becomes
  -- its outcome when it is closed.
  intent release_intent,
  intent_reason text,
  superseded_by bigint,
  -- The required sinks that prevent the release from moving its pointer, while it waits for them: see blocking_sinks.
  blocked_by jsonb,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (tenant, bundle, version),
  FOREIGN KEY (tenant, bundle) REFERENCES bundles,
  FOREIGN KEY (tenant, source) REFERENCES sources,
  FOREIGN KEY (tenant, digest) REFERENCES artifacts,
  CHECK ((status = 'settled') = (settled_at IS NOT NULL)),
  CHECK (status <> 'settled' OR outcome IS NOT NULL),
  -- A release has the outcome 'published' if and only if it has moved its pointer. The move settles the release. A closed release never
  -- moves its pointer.
  CHECK ((generation IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'published')),
  CHECK ((generation IS NULL) = (seq IS NULL)),
  CHECK ((same_as IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'unchanged')),
  CHECK (generation IS NULL OR (status = 'settled' AND NOT closing))
);
-- These partial indexes stay small, however long the history is. They serve the sweep, and read_bundle, which is called when the Tenant
-- object rebuilds lost state.
CREATE INDEX releases_in_flight ON releases (created_at) WHERE status <> 'settled';
CREATE INDEX releases_open ON releases (tenant, bundle) WHERE status <> 'settled';
-- This index serves the sweep, which checks whether a source is in use. It also serves the foreign key check when a source is deleted.
CREATE INDEX releases_by_source ON releases (tenant, source);

-- The artifacts of a release, by channel. The row with channel '' is the base artifact, for channels without their own artifact.
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

-- The artifacts that releases claim. A claimed artifact is kept although no pointer refers to it. An artifact without a claim and without a
-- pointer may be deleted.
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

-- The ledger of effects: every effect of a release outside its own row, with the state of the effect.
CREATE TABLE effects (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  effect effect_name NOT NULL,
  -- Distinguishes several effects of the same kind: the name of the check, or the number of the attempt. Empty if a release can have only
  -- one effect of this kind.
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
  -- For a rollback: the generation of the move that is restored. That move is never a rollback itself. See core/moves/rollback.ts.
  restores bigint CHECK (restores < generation),
  moved_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, channel, generation),
  UNIQUE (tenant, seq),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  FOREIGN KEY (tenant, bundle, channel, restores) REFERENCES moves,
  FOREIGN KEY (tenant, bundle, to_version) REFERENCES releases,
  FOREIGN KEY (tenant, to_digest) REFERENCES artifacts
);
-- This index guarantees that a release moves its pointer at most once, even if steps are repeated.
CREATE UNIQUE INDEX moves_once ON moves (tenant, bundle, to_version) WHERE kind = 'publish';
-- This index serves feed_floor, which finds the first move within the feed's retention without reading the moves before it.
CREATE INDEX moves_by_time ON moves (tenant, moved_at, seq);
-- This index serves queries that check whether, and when last, a pointer referred to a release.
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

-- Tokens belong to the platform, not to a tenant. Processes can access them only through functions.
CREATE TABLE tokens (
  id text PRIMARY KEY,
  -- The name that the audit records as the author of each request with this token. "admin" is reserved for the admin token from the
  -- environment.
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$' AND lower(name) <> 'admin'),
  -- The tenant to which the token is limited. Null for a platform token, which is valid for every tenant.
  tenant text REFERENCES tenants,
  roles text[] NOT NULL CHECK (roles <@ '{viewer,publisher,approver,reporter,admin,follower}' AND cardinality(roles) BETWEEN 1 AND 6),
  -- The SHA-256 of the token. The token itself is not stored.
  sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- The idempotency key of the request that created the token. Null after the key has expired.
  idempotency_key text,
  fingerprint text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_by text,
  revoked_at timestamptz,
  CHECK ((revoked_by IS NULL) = (revoked_at IS NULL))
);
-- Two active tokens can't have the same name, because rules that require two people compare names. '' stands for the platform, because it
-- is not a valid tenant name.
CREATE UNIQUE INDEX token_names ON tokens (coalesce(tenant, ''), name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX token_keys ON tokens (coalesce(tenant, ''), idempotency_key);
CREATE INDEX tokens_with_key ON tokens (created_at) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tokens_by_age ON tokens (created_at, id);
CREATE INDEX tokens_of_tenant_by_age ON tokens (tenant, created_at, id);

-- The policies of tenants, which are the rules for their releases. Every version is kept, because a release is bound to the version that
-- applied when it was admitted.
CREATE TABLE policies (
  tenant text NOT NULL REFERENCES tenants,
  version counting_number NOT NULL,
  -- The policy as parsed by core/policy.ts, including all defaults.
  document jsonb NOT NULL,
  message text,
  by text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, version)
);

-- The gates that a release must pass before it moves its pointer, and the decisions on them. A release gets the gates of its policy when
-- its artifact is stored.

CREATE DOMAIN gate_kind AS text CHECK (VALUE IN ('approval', 'check', 'window', 'schedule'));
CREATE DOMAIN gate_state AS text CHECK (VALUE IN ('open', 'passed', 'failed', 'expired', 'closed'));
CREATE DOMAIN decision_kind AS text CHECK (VALUE IN ('approve', 'reject', 'success', 'failure'));
CREATE DOMAIN gate_change AS text CHECK (VALUE IN ('opened', 'decided', 'voided', 'passed', 'failed', 'expired', 'closed'));

CREATE TABLE gates (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate identifier NOT NULL,
  ordinal integer NOT NULL,
  kind gate_kind NOT NULL,
  -- The gate's rule, copied from the policy.
  rule jsonb NOT NULL,
  state gate_state NOT NULL DEFAULT 'open',
  -- The generation that was live when the gate opened. An approval only permits replacing that generation. Decisions that were made for
  -- another generation are void.
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

CREATE TABLE gate_decisions (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  gate text NOT NULL,
  -- The generation for which the decision was made. It is 0 for a check, because the result of a check does not depend on the live
  -- generation.
  base_generation bigint NOT NULL,
  by text NOT NULL,
  decision decision_kind NOT NULL,
  comment text,
  url text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, gate, base_generation, by),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates
);

-- Every change of a release's gates. The changes are numbered while the release's row is locked. A reader can resume after the last number
-- that it received, in any process.
CREATE TABLE gate_changes (
  tenant text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  n integer NOT NULL,
  gate text NOT NULL,
  change gate_change NOT NULL,
  base_generation bigint NOT NULL,
  -- The author of the decision. Null for a change that is not a decision.
  by text,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, bundle, version, n),
  FOREIGN KEY (tenant, bundle, version, gate) REFERENCES gates,
  FOREIGN KEY (tenant, bundle, version, gate, base_generation, by) REFERENCES gate_decisions,
  CHECK ((change = 'decided') = (by IS NOT NULL))
);

-- Callbacks with which external checkers and compilers report their results. Each callback accepts one report. Transactions take their
-- locks in the order release, pointer, tenant, callback.

CREATE DOMAIN callback_purpose AS text CHECK (VALUE IN ('check', 'compile'));
CREATE DOMAIN callback_state AS text CHECK (VALUE IN ('open', 'used', 'revoked'));
-- The reasons for revoking a callback. 'given_up' means that the request to the external service failed. 'not_requested' means that no
-- request was made before the deadline. 'no_response' means that no report arrived before the deadline.
CREATE DOMAIN revocation AS text CHECK (VALUE IN ('given_up', 'not_requested', 'no_response', 'release_closed', 'release_published'));

CREATE TABLE callbacks (
  tenant text NOT NULL,
  -- The key of the callout (the request to an external service) to which the callback belongs, such as acme/support-bot/v12/compile/1.
  id text NOT NULL,
  bundle text NOT NULL,
  version bigint NOT NULL,
  purpose callback_purpose NOT NULL,
  -- The name of the gate of a check, or the number of the attempt of a compilation.
  subject text NOT NULL,
  -- The SHA-256 of the capability, which is the secret in the callback URL. The capability itself is not stored. Null if no capability was
  -- created, and none will be.
  sha256 text UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  -- The Restate awakeable, or the gate promise, that a report resolves: see handlers/release/record-callback.ts.
  awakeable_id text,
  decision_number bigint,
  deadline_at timestamptz NOT NULL,
  state callback_state NOT NULL DEFAULT 'open',
  closed_at timestamptz,
  cause revocation,
  -- For a callback whose request failed: the reason, and whether another attempt would fail for the same reason.
  reason text,
  final boolean NOT NULL DEFAULT false,
  report jsonb,
  fingerprint text,
  uploaded_blobs bigint NOT NULL DEFAULT 0,
  uploaded_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, bundle, version, purpose, subject),
  FOREIGN KEY (tenant, bundle, version) REFERENCES releases,
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'used') = (report IS NOT NULL AND fingerprint IS NOT NULL)),
  CHECK ((state = 'revoked') = (cause IS NOT NULL)),
  CHECK ((reason IS NOT NULL) = (cause IS NOT NULL AND cause = 'given_up')),
  CHECK (state = 'revoked' OR sha256 IS NOT NULL)
);

-- This section contains the hooks, the pushes that they receive from code hosts, and the commit statuses that are posted to code hosts.

CREATE DOMAIN hook_provider AS text CHECK (VALUE IN ('github', 'gitlab', 'generic'));
CREATE DOMAIN delivery_state AS text CHECK (VALUE IN ('received', 'fetching', 'published', 'refused', 'ignored', 'failed'));
CREATE DOMAIN report_kind AS text CHECK (VALUE IN ('pending', 'final'));
-- 'skipped' means that the commit status is not sent, because a later status replaces it.
CREATE DOMAIN report_state AS text CHECK (VALUE IN ('waiting', 'done', 'failed', 'skipped'));

CREATE TABLE hooks (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  provider hook_provider NOT NULL,
  repository text NOT NULL,
  -- The Git ref whose pushes are published, or a prefix of refs followed by '*'.
  ref text NOT NULL,
  -- The folder of the repository that contains the source. Null for the whole repository.
  path text,
  bundle identifier NOT NULL,
  channel identifier NOT NULL,
  -- Whether a push may create the channel if it does not exist: see channel_refusal.
  create_channel boolean NOT NULL,
  -- The URL of the code host's API. Null for the default URL of the provider.
  api_url text,
  -- The secret and the token are encrypted: see services/secrets.
  secret text NOT NULL,
  token text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  -- The number (`seq`) of the last delivery that forget_deliveries has examined. The next call continues after it.
  examined_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, hook)
);

-- Hook deliveries, without their payloads. A row remains when its hook is deleted, so a new hook with the same name can't publish the same
-- delivery again. A row may be deleted ninety days after its delivery has ended: see forget_deliveries.
CREATE TABLE deliveries (
  tenant text NOT NULL REFERENCES tenants,
  hook identifier NOT NULL,
  delivery text NOT NULL,
  -- Numbers the deliveries in the order of arrival.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- The digest of the payload.
  fingerprint text NOT NULL,
  provider hook_provider NOT NULL,
  -- The following fields are read from the payload. Each is null if the payload does not contain it.
  repository text,
  ref text,
  commit text,
  subject text,
  source_url text,
  -- The time of the push, in seconds since the epoch. Null if the provider sends no time.
  pushed_at bigint,
  -- The following fields are copied from the hook when the delivery arrives.
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
-- This index finds the latest published push: see overtaken_by.
CREATE INDEX deliveries_published ON deliveries (tenant, hook, bundle, channel, (coalesce(pushed_at, 0)), seq) WHERE version IS NOT NULL;

-- The commit statuses to post to code hosts. The transaction that causes a status inserts its row. The Restate object CommitStatus then
-- posts it.
CREATE TABLE commit_reports (
  tenant text NOT NULL,
  hook text NOT NULL,
  delivery text NOT NULL,
  kind report_kind NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  -- The outcome of the release that the commit status reports. Null for a pending commit status.
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

-- The sinks to which moves are delivered, with the position of each sink in the feed.

CREATE DOMAIN sink_kind AS text CHECK (VALUE IN ('webhook', 'redis', 'rabbitmq'));

-- The health of a broker's partition. All tenants of the partition share one row, because a failure of the broker affects all of them. Each
-- batch of deliveries and each health check records its result here.
CREATE TABLE broker_streams (
  broker sink_kind NOT NULL CHECK (broker <> 'webhook'),
  stream integer NOT NULL,
  failures bigint NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  retry_at timestamptz,
  -- The start time of the last attempt that the broker confirmed.
  healthy_at timestamptz,
  PRIMARY KEY (broker, stream),
  CHECK ((failures = 0) = (failing_since IS NULL))
-- Each batch updates the row of its partition. Half of each page stays free, so that the updated row fits on the same page and no index
-- changes.
) WITH (fillfactor = 50);

-- The state of a sink for one tenant. put_sink creates the rows of webhooks. lock_sink creates the row of a broker when the first result or
-- request for it is recorded. The row of a broker contains only the tenant's cursor, the tenant's pause, and failures of the tenant's own
-- events. The health of the broker is in broker_streams.
CREATE TABLE sinks (
  tenant text NOT NULL REFERENCES tenants,
  sink identifier NOT NULL,
  kind sink_kind NOT NULL,
  -- Only webhooks have values in the following four columns. The secrets are encrypted: see services/secrets.
  url text,
  secret text,
  previous_secret text,
  previous_until timestamptz,
  -- The feed number up to which all moves are recorded as delivered.
  delivered_seq bigint NOT NULL,
  delivered_at timestamptz,
  failures bigint NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  retry_at timestamptz,
  -- The start time of the last attempt that the webhook confirmed. Only webhooks have this value.
  healthy_at timestamptz,
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

-- The result of each delivery attempt to a webhook.
CREATE TABLE webhook_attempts (
  tenant text NOT NULL,
  sink text NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  -- The feed number of the delivered move. Null for a test event.
  seq bigint,
  -- The ID of the event that was sent.
  event text NOT NULL,
  delivered boolean NOT NULL,
  -- The HTTP status of the response. Null if there was no response.
  status integer,
  summary text NOT NULL,
  took_ms integer NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, sink, n),
  FOREIGN KEY (tenant, sink) REFERENCES sinks ON DELETE CASCADE
);
-- The latest acknowledgement of each runtime that follows a pointer.

CREATE TABLE followers (
  tenant text NOT NULL,
  bundle text NOT NULL,
  channel text NOT NULL,
  follower identifier NOT NULL,
  -- The generation that the follower runs. It is 0 until the follower runs one.
  generation bigint NOT NULL,
  digest text,
  -- The time when the follower first acknowledged the generation that it runs.
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  by text NOT NULL,
  PRIMARY KEY (tenant, bundle, channel, follower),
  FOREIGN KEY (tenant, bundle, channel) REFERENCES pointers,
  CHECK (generation >= 0),
  CHECK ((generation = 0) = (digest IS NULL))
-- Each heartbeat updates the row of its follower. Half of each page stays free, so that the updated row fits on the same page and no index
-- changes. For the same reason, there is no index on seen_at. A channel has so few followers that reading all of them costs less than
-- maintaining an index.
) WITH (fillfactor = 50);

-- This table has one row. `level` is the number of the last migration: each later file in this folder sets it to its own number. A file
-- that removes something that running processes need also raises `oldest_process`. Older processes then refuse to run.
CREATE TABLE schema_version (
  level bigint NOT NULL,
  oldest_process bigint NOT NULL CHECK (oldest_process <= level),
  -- The FUNCTIONS_LEVEL of the functions that were last applied: see schema-version.ts.
  functions_level bigint NOT NULL,
  one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO schema_version VALUES (1, 1, 0);

-- Enables row-level security, so that a transaction that has not set a tenant sees no rows. FORCE applies this to the owner of the tables
-- as well. SECURITY DEFINER functions read some tables across tenants. These tables have a second, read-only policy for the owner.
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
