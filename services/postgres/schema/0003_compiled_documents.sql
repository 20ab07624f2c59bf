-- Compiled documents and modules of large sources, so that a process that has not compiled a document can use its result. The content of a result is a
-- blob. A row is deleted with that blob.
CREATE TABLE compiled_documents (
  tenant text NOT NULL,
  -- Identifies everything that affects the result: the content of the document, its schemas, its patch and the references to it. See
  -- services/compiler/documents/compile-documents.ts.
  key text NOT NULL,
  -- The name of the compiler with its version: see executor_name.
  executor text NOT NULL,
  -- The digest of the result. No foreign key, because PostgreSQL would check it for each of thousands of rows. The functions in
  -- functions/documents.sql and functions/storage.sql keep the two together.
  digest text NOT NULL,
  -- The facts about the result as JSON: see DocumentFacts in services/compiler/documents/compile-document.ts.
  facts text NOT NULL,
  PRIMARY KEY (tenant, key)
);
-- This index serves the sweep, which deletes the rows of a blob.
CREATE INDEX compiled_documents_by_digest ON compiled_documents (tenant, digest);

ALTER TABLE compiled_documents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON compiled_documents USING (tenant = current_setting('pointsman.tenant', true));

UPDATE schema_version SET level = 3;
