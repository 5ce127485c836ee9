-- Rows that are changed at every step leave room beside them, so that a change need not touch the indexes.
ALTER TABLE "%(schema)s".agents_session SET (fillfactor = 70);
ALTER TABLE "%(schema)s".agents_toolcall SET (fillfactor = 80);

-- What no constraint can say, refused by triggers. Each says what it prevents.

-- A prompt version is what a session was pinned to: changing it would rewrite what ran.
CREATE FUNCTION "%(schema)s".agents_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a prompt version is immutable; add another version' USING ERRCODE = '23001';
END $$;
CREATE TRIGGER version_is_immutable BEFORE UPDATE ON "%(schema)s".agents_promptversion
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_version_is_immutable();

-- An agent's revision likewise; only which one is current may move.
CREATE FUNCTION "%(schema)s".agents_revision_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.document, NEW.checksum, NEW.number, NEW.agent_id) IS DISTINCT FROM (OLD.document, OLD.checksum, OLD.number, OLD.agent_id) THEN
        RAISE EXCEPTION 'an agent revision is immutable; make another revision' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revision_is_immutable BEFORE UPDATE ON "%(schema)s".agents_agentrevision
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_revision_is_immutable();

-- A call that needed a person runs only on a request that is consumed, and that was about this very call.
CREATE FUNCTION "%(schema)s".agents_call_has_its_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.needs_approval AND NEW.status = 'executing' AND NOT EXISTS (
        SELECT 1 FROM "%(schema)s".approvals_approvalrequest r
        WHERE r.id = NEW.consumed_id AND r.call_id = NEW.id AND r.status = 'consumed'
    ) THEN
        RAISE EXCEPTION 'call % may not run: it has no consumed approval', NEW.key USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE CONSTRAINT TRIGGER call_has_its_approval AFTER INSERT OR UPDATE OF status ON "%(schema)s".agents_toolcall
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.needs_approval AND NEW.status = 'executing')
    EXECUTE FUNCTION "%(schema)s".agents_call_has_its_approval();
