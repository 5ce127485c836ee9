-- Give the committed entries that have none their log index: dense, from 1, in the order of commits.
--
-- One process at a time does it. Who finds another at work returns at once with NULL, or waits up to `patience_ms` for
-- its turn, so that what it committed itself is surely indexed when it returns. Returns the head of the log.
-- Every statement after the lock sees all that was committed before the lock was had: that is why this runs under read
-- committed only. Within one run entries go by number; numbers are taken before the commit, by one sequence, so whoever
-- had seen an entry comes after it.
CREATE FUNCTION audit_index(patience_ms integer DEFAULT 0) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "%(schema)s", pg_temp
AS $index$
DECLARE
    lock_key constant bigint := hashtextextended('countersign.audit_index', 0);
    head bigint;
    moved bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the log is indexed under read committed only' USING ERRCODE = '25001';
    END IF;
    IF patience_ms > 0 THEN
        BEGIN
            PERFORM set_config('lock_timeout', patience_ms::text, true);
            PERFORM pg_advisory_xact_lock(lock_key);
        EXCEPTION WHEN lock_not_available THEN
            RETURN NULL;
        END;
    ELSIF NOT pg_try_advisory_xact_lock(lock_key) THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(max(log_index), 0) INTO head FROM audit_log_index;
    WITH taken AS (DELETE FROM audit_pending RETURNING entry_id)
    INSERT INTO audit_log_index (log_index, entry_id)
    SELECT head + row_number() OVER (ORDER BY taken.entry_id), taken.entry_id FROM taken;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved > 0 THEN
        head := head + moved;
        PERFORM pg_notify('countersign_log', head::text);
    END IF;
    RETURN head;
END
$index$;
REVOKE ALL ON FUNCTION audit_index(integer) FROM PUBLIC;
