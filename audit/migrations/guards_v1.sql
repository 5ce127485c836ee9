-- The log refuses to be rewritten, for every role and also while triggers are switched off for replication (ALWAYS).
-- A superuser can still take a trigger away: this is a second wall, the chain and its proofs are the evidence.
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $refuse$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = '23001';
END
$refuse$;

CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_stays;
CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_stays;
CREATE TRIGGER audit_log_index_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log_index
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_log_index ENABLE ALWAYS TRIGGER audit_log_index_stays;
CREATE TRIGGER audit_stream_stays BEFORE DELETE OR TRUNCATE ON audit_stream
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_stream ENABLE ALWAYS TRIGGER audit_stream_stays;
-- A head only moves forward, and a stream that has ended stays so.
CREATE TRIGGER audit_stream_goes_forward BEFORE UPDATE ON audit_stream
    FOR EACH ROW WHEN (OLD.closed OR NEW.name <> OLD.name OR NEW.head_seq <= OLD.head_seq) EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_stream ENABLE ALWAYS TRIGGER audit_stream_goes_forward;
-- Raw content may be deleted by retention, never changed.
CREATE TRIGGER audit_content_stays BEFORE UPDATE OR TRUNCATE ON audit_content
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_content ENABLE ALWAYS TRIGGER audit_content_stays;

-- Hashes and salts are what the chain says they are, also where a function has a fault.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_hashes
    CHECK (octet_length(prev_hash) = 32 AND octet_length(entry_hash) = 32);
ALTER TABLE audit_stream ADD CONSTRAINT audit_stream_hash CHECK (octet_length(head_hash) = 32);
ALTER TABLE audit_content ADD CONSTRAINT audit_content_salt CHECK (octet_length(salt) = 16);

-- The heads and the queue are written over and over: room for updates in place, and early cleaning.
ALTER TABLE audit_stream SET (fillfactor = 70);
ALTER TABLE audit_pending SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Django makes a second index for LIKE; names collate by bytes, so the first one serves.
DROP INDEX audit_stream_name_8ed5b05e_like;
