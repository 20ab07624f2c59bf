import { Client } from 'pg';
import { z } from 'zod';

const Problem = z.object({ problem: z.string() });

/**
 * Invariants of the database that must always hold, even after any process was killed. The queries run as the owner, directly on the
 * tables, and bypass row-level security. Each query selects the rows that violate one invariant.
 */
const CONTRADICTIONS = [
  `SELECT format('%s: %s bytes are counted, and at least %s are stored', u.tenant, u.bytes, n.bytes) AS problem
   FROM pointsman.tenant_usage u CROSS JOIN LATERAL (SELECT
     (SELECT coalesce(sum(size), 0) FROM pointsman.blobs b WHERE b.tenant = u.tenant)
     + (SELECT coalesce(sum(octet_length(entries::text)), 0) FROM pointsman.sources s WHERE s.tenant = u.tenant)
     + (SELECT coalesce(sum(octet_length(artifacts::text) + octet_length(warnings::text)), 0) FROM pointsman.compilations c WHERE c.tenant = u.tenant)
     + (SELECT coalesce(sum(octet_length(facts)), 0) FROM pointsman.compiled_documents d WHERE d.tenant = u.tenant)::numeric AS bytes) n
   WHERE u.bytes < n.bytes`,
  `SELECT format('%s/%s/v%s: its source names %s, which is not stored', r.tenant, r.bundle, r.version, e->>'digest') AS problem
   FROM pointsman.releases r JOIN pointsman.sources s ON (s.tenant, s.digest) = (r.tenant, r.source)
   CROSS JOIN jsonb_array_elements(s.entries) e
   LEFT JOIN pointsman.blobs b ON (b.tenant, b.digest) = (r.tenant, e->>'digest') WHERE b.digest IS NULL`,
  `SELECT format('%s: the compilation of %s by %s names %s, which is not stored', c.tenant, c.source, c.executor, named.digest) AS problem
   FROM pointsman.compilations c CROSS JOIN jsonb_array_elements(c.artifacts) a
   LEFT JOIN pointsman.blobs m ON (m.tenant, m.digest) = (c.tenant, a->>'digest')
   CROSS JOIN LATERAL (
     SELECT a->>'digest' AS digest UNION ALL
     SELECT layer->>'digest' FROM jsonb_array_elements(convert_from(m.content, 'UTF8')::jsonb->'layers') AS l (layer)) named
   LEFT JOIN pointsman.blobs b ON (b.tenant, b.digest) = (c.tenant, named.digest) WHERE b.digest IS NULL`,
  `SELECT format('%s: the compiled document %s has the result %s, which is not stored', d.tenant, d.key, d.digest) AS problem
   FROM pointsman.compiled_documents d LEFT JOIN pointsman.blobs b ON (b.tenant, b.digest) = (d.tenant, d.digest) WHERE b.digest IS NULL`,
  `SELECT format('%s/%s/%s: generation %s follows %s', tenant, bundle, channel, generation, before) AS problem
   FROM (SELECT *, lag(generation, 1, 0::bigint) OVER w AS before FROM pointsman.moves
         WINDOW w AS (PARTITION BY tenant, bundle, channel ORDER BY generation)) m
   WHERE generation <> before + 1`,
  `SELECT format('%s/%s/%s: move %s comes from %s, the one before went to %s', tenant, bundle, channel, generation, from_version, before) AS problem
   FROM (SELECT *, lag(to_version) OVER w AS before FROM pointsman.moves
         WINDOW w AS (PARTITION BY tenant, bundle, channel ORDER BY generation)) m
   WHERE from_version IS DISTINCT FROM before`,
  `SELECT format('%s: the feed jumps from %s to %s', tenant, before, seq) AS problem
   FROM (SELECT *, lag(seq, 1, 0::bigint) OVER (PARTITION BY tenant ORDER BY seq) AS before FROM pointsman.moves) m
   WHERE seq <> before + 1`,
  `SELECT format('%s/%s/%s: the pointer is at generation %s, its last move at %s', p.tenant, p.bundle, p.channel, p.generation, m.generation) AS problem
   FROM pointsman.pointers p
   LEFT JOIN LATERAL (SELECT generation, to_version FROM pointsman.moves m
     WHERE (m.tenant, m.bundle, m.channel) = (p.tenant, p.bundle, p.channel) ORDER BY generation DESC LIMIT 1) m ON true
   WHERE p.generation <> coalesce(m.generation, 0) OR p.version IS DISTINCT FROM m.to_version`,
  `SELECT format('%s/%s/%s names another artifact than its last move', p.tenant, p.bundle, p.channel) AS problem
   FROM pointsman.pointers p JOIN pointsman.moves m USING (tenant, bundle, channel, generation) WHERE p.digest <> m.to_digest`,
  `SELECT format('%s/%s/%s names an artifact that v%s has not brought', p.tenant, p.bundle, p.channel, p.version) AS problem
   FROM pointsman.pointers p
   WHERE p.digest IS NOT NULL AND NOT EXISTS (SELECT FROM pointsman.release_artifacts a
     WHERE (a.tenant, a.bundle, a.version, a.digest) = (p.tenant, p.bundle, p.version, p.digest) AND a.channel IN ('', p.channel))`,
  `SELECT format('%s/%s/v%s settled as %s, and is or was live', r.tenant, r.bundle, r.version, r.outcome) AS problem
   FROM pointsman.releases r
   WHERE r.status = 'settled' AND r.outcome <> 'published'
     AND EXISTS (SELECT FROM pointsman.moves m WHERE (m.tenant, m.bundle, m.to_version) = (r.tenant, r.bundle, r.version))`,
  `SELECT format('%s/%s/v%s is said to be published, and never moved a pointer', r.tenant, r.bundle, r.version) AS problem
   FROM pointsman.releases r
   WHERE r.status = 'settled' AND r.outcome = 'published'
     AND NOT EXISTS (SELECT FROM pointsman.moves m WHERE (m.tenant, m.bundle, m.to_version) = (r.tenant, r.bundle, r.version))`,
  `SELECT format('%s/%s/v%s settled as %s with effect %s %s', r.tenant, r.bundle, r.version, r.outcome, e.effect, e.state) AS problem
   FROM pointsman.releases r JOIN pointsman.effects e USING (tenant, bundle, version)
   WHERE r.status = 'settled' AND r.outcome NOT IN ('published', 'unchanged') AND e.effect <> 'commit-status' AND e.state IN ('started', 'done')`,
  `SELECT format('%s/%s/v%s settled as unchanged, and v%s never had its artifact live', r.tenant, r.bundle, r.version, r.same_as) AS problem
   FROM pointsman.releases r
   WHERE r.outcome = 'unchanged' AND NOT EXISTS (SELECT FROM pointsman.moves m
     WHERE (m.tenant, m.bundle, m.channel, m.to_version, m.to_digest) = (r.tenant, r.bundle, r.channel, r.same_as, r.digest))`,
  `SELECT format('%s/%s/v%s settled as published with effect %s begun', r.tenant, r.bundle, r.version, e.effect) AS problem
   FROM pointsman.releases r JOIN pointsman.effects e USING (tenant, bundle, version)
   WHERE r.status = 'settled' AND r.outcome = 'published' AND e.effect <> 'commit-status' AND e.state = 'started'`,
  `SELECT format('%s/%s/v%s was published past its gate %s, which is %s', r.tenant, r.bundle, r.version, g.gate, g.state) AS problem
   FROM pointsman.releases r JOIN pointsman.gates g USING (tenant, bundle, version)
   WHERE r.status = 'settled' AND r.outcome = 'published' AND g.state <> 'passed'`,
  `SELECT format('%s/%s/v%s settled as %s, and its gate %s is still open', r.tenant, r.bundle, r.version, r.outcome, g.gate) AS problem
   FROM pointsman.releases r JOIN pointsman.gates g USING (tenant, bundle, version)
   WHERE r.status = 'settled' AND g.state = 'open'`,
  `SELECT format('%s/%s/v%s: the gate %s passed with too few approvals, or its author''s own', g.tenant, g.bundle, g.version, g.gate) AS problem
   FROM pointsman.gates g JOIN pointsman.releases r USING (tenant, bundle, version)
   WHERE g.kind = 'approval' AND g.state = 'passed' AND (g.rule->>'count')::integer > (
     SELECT count(*) FROM pointsman.gate_decisions w
     WHERE (w.tenant, w.bundle, w.version, w.gate, w.base_generation) = (g.tenant, g.bundle, g.version, g.gate, g.base_generation)
       AND w.decision = 'approve' AND NOT ((g.rule->>'notAuthor')::boolean AND w.by = r.by))`,
  `SELECT format('%s/%s/%s is said to be published as v%s, which came from elsewhere', d.tenant, d.hook, d.delivery, d.version) AS problem
   FROM pointsman.deliveries d JOIN pointsman.releases r USING (tenant, bundle, version)
   WHERE (r.origin->>'hook', r.origin->>'delivery') IS DISTINCT FROM (d.hook, d.delivery)`,
  `SELECT format('%s/%s/%s: its commit heard that it is on its way after the last word', p.tenant, p.hook, p.delivery) AS problem
   FROM pointsman.commit_reports p JOIN pointsman.commit_reports f USING (tenant, hook, delivery)
   WHERE p.kind = 'pending' AND p.state = 'done' AND f.kind = 'final' AND f.state = 'done' AND f.ended_at < p.ended_at`,
  `SELECT format('%s/%s/v%s settled as %s, and still listens for %s', r.tenant, r.bundle, r.version, r.outcome, c.id) AS problem
   FROM pointsman.releases r JOIN pointsman.callbacks c USING (tenant, bundle, version)
   WHERE r.status = 'settled' AND c.state = 'open'`,
  `SELECT format('%s was answered, and its request is said to be %s', c.id, e.state) AS problem
   FROM pointsman.callbacks c LEFT JOIN pointsman.effects e
     ON (e.tenant, e.bundle, e.version, e.effect, e.subject) = (c.tenant, c.bundle, c.version, c.purpose || '-request', c.subject)
   WHERE c.state = 'used' AND e.state IS DISTINCT FROM 'done' AND e.state IS DISTINCT FROM 'compensated'
     AND e.state IS DISTINCT FROM 'compensation_failed'`,
  `SELECT format('%s: the sink %s has been told %s, and the feed has come to %s', s.tenant, s.sink, s.delivered_seq, t.feed_seq) AS problem
   FROM pointsman.sinks s JOIN pointsman.tenants t USING (tenant) WHERE s.delivered_seq > t.feed_seq`,
  `SELECT format('%s: blob %s of %s is missing or not what its digest says', a.tenant, b.digest, a.digest) AS problem
   FROM pointsman.pointers p
   JOIN pointsman.artifacts a ON (a.tenant, a.digest) = (p.tenant, p.digest)
   JOIN pointsman.artifact_blobs b ON (b.tenant, b.artifact) = (a.tenant, a.digest)
   LEFT JOIN pointsman.blobs c ON (c.tenant, c.digest) = (b.tenant, b.digest)
   WHERE c.digest IS NULL OR c.digest <> 'sha256:' || encode(sha256(c.content), 'hex')`,
  `SELECT format('%s: %s, which %s names, is not in the list of its blobs', p.tenant, layer->>'digest', p.digest) AS problem
   FROM pointsman.pointers p
   JOIN pointsman.blobs m USING (tenant, digest)
   CROSS JOIN LATERAL (SELECT convert_from(m.content, 'UTF8')::jsonb AS manifest) parsed
   CROSS JOIN LATERAL jsonb_array_elements(manifest->'layers' || jsonb_build_array(manifest->'config')) AS named (layer)
   WHERE NOT EXISTS (SELECT FROM pointsman.artifact_blobs b
     WHERE (b.tenant, b.artifact, b.digest, b.size) = (p.tenant, p.digest, layer->>'digest', (layer->>'size')::bigint))`,
];

/** The violations of the invariants. The list is empty if the database is consistent. */
export async function contradictions(ownerUrl: string): Promise<string[]> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    return await contradictionsSeenBy(client);
  } finally {
    await client.end();
  }
}

/** The violations that are visible to the owner's connection, including its uncommitted changes. */
export async function contradictionsSeenBy(client: Client): Promise<string[]> {
  const found: string[] = [];
  for (const sql of CONTRADICTIONS) {
    const { rows } = await client.query(sql);
    found.push(...rows.map((row: unknown) => Problem.parse(row).problem));
  }
  return found;
}
