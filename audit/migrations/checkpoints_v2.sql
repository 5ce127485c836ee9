-- Each checkpoint names the one before it and goes on its chain, so that one that is taken out from between two is missed.
-- What is published stays as it is: the chain is over the notes, beside them. Those of before get theirs here.
ALTER TABLE audit_checkpoint ADD follows bigint, ADD chain bytea;
ALTER TABLE audit_checkpoint DISABLE TRIGGER audit_checkpoint_stays;
DO $chain$
DECLARE
    one record;
    before bigint := 0;
    link bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR one IN SELECT size, note FROM audit_checkpoint ORDER BY size LOOP
        link := sha256(link || sha256(convert_to(one.note, 'UTF8')));
        UPDATE audit_checkpoint SET follows = before, chain = link WHERE size = one.size;
        before := one.size;
    END LOOP;
END
$chain$;
ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_stays;
ALTER TABLE audit_checkpoint ALTER follows SET NOT NULL, ALTER chain SET NOT NULL;
ALTER TABLE audit_checkpoint ADD CONSTRAINT audit_checkpoint_chain CHECK (octet_length(chain) = 32);
-- One that follows itself or a later one has no place in any chain.
ALTER TABLE audit_checkpoint ADD CONSTRAINT audit_checkpoint_follows CHECK (follows >= 0 AND follows < size);

CREATE OR REPLACE FUNCTION audit_seal(
    new_size bigint, new_root bytea, new_note text, levels integer[], numbers bigint[], hashes bytea[]
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "%(schema)s", pg_temp
AS $seal$
DECLARE
    wrong bigint;
    last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('countersign.audit_seal', 0));
    SELECT size, chain INTO last FROM audit_checkpoint ORDER BY size DESC LIMIT 1;
    IF last.size >= new_size THEN
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
    INSERT INTO audit_checkpoint (size, root, note, at, follows, chain)
    VALUES (new_size, new_root, new_note, clock_timestamp(), coalesce(last.size, 0),
            sha256(coalesce(last.chain, decode(repeat('00', 32), 'hex')) || sha256(convert_to(new_note, 'UTF8'))));
    RETURN true;
END
$seal$;
