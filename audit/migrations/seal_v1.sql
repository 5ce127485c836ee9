-- Keep a signed checkpoint with the subtrees that were completed since the one before it.
--
-- One at a time does it. Returns false, and keeps nothing, where a checkpoint of this size or a larger one is kept: two
-- sealers never keep two roots for one size. A subtree that is kept already has to be the same.
CREATE FUNCTION audit_seal(
    new_size bigint, new_root bytea, new_note text, levels integer[], numbers bigint[], hashes bytea[]
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "%(schema)s", pg_temp
AS $seal$
DECLARE
    wrong bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('countersign.audit_seal', 0));
    IF EXISTS (SELECT FROM audit_checkpoint WHERE size >= new_size) THEN
        RETURN false;
    END IF;
    IF new_size > (SELECT coalesce(max(log_index), 0) FROM audit_log_index) THEN
        RAISE EXCEPTION 'a checkpoint covers entries that are not in the log' USING ERRCODE = 'CS003';
    END IF;
    INSERT INTO audit_subtree (level, number, hash)
    SELECT n.level, n.number, n.hash FROM unnest(levels, numbers, hashes) AS n (level, number, hash)
        ON CONFLICT DO NOTHING;
    SELECT count(*) INTO wrong
      FROM unnest(levels, numbers, hashes) AS n (level, number, hash)
      JOIN audit_subtree AS kept USING (level, number)
     WHERE kept.hash <> n.hash;
    IF wrong > 0 THEN
        RAISE EXCEPTION 'a subtree is not what it was' USING ERRCODE = 'CS003';
    END IF;
    INSERT INTO audit_checkpoint (size, root, note, at) VALUES (new_size, new_root, new_note, clock_timestamp());
    RETURN true;
END
$seal$;
REVOKE ALL ON FUNCTION audit_seal(bigint, bytea, text, integer[], bigint[], bytea[]) FROM PUBLIC;

CREATE TRIGGER audit_subtree_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_subtree
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_subtree ENABLE ALWAYS TRIGGER audit_subtree_stays;
CREATE TRIGGER audit_checkpoint_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_stays;
ALTER TABLE audit_subtree ADD CONSTRAINT audit_subtree_hash CHECK (octet_length(hash) = 32);
ALTER TABLE audit_checkpoint ADD CONSTRAINT audit_checkpoint_root CHECK (octet_length(root) = 32);
