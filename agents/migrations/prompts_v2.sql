-- A prompt version is what a session was pinned to: changing it would rewrite what ran. Where it stands may move.
CREATE OR REPLACE FUNCTION "%(schema)s".agents_version_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status' THEN
        RAISE EXCEPTION 'a prompt version is immutable; add another version' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

-- Which share went where, and when, is history: a release may only end, once.
CREATE FUNCTION "%(schema)s".agents_release_only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - '{status,ended_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{status,ended_at}'::text[] THEN
        RAISE EXCEPTION 'a release is only ever ended; make another one' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER release_only_ends BEFORE UPDATE ON "%(schema)s".agents_release
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_release_only_ends();

-- Live shares that do not make up 100 would leave sessions without a version, or with one by chance.
CREATE FUNCTION "%(schema)s".agents_shares_make_up_100() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(share) FROM "%(schema)s".agents_release WHERE prompt_id = NEW.prompt_id AND ended_at IS NULL) <> 100 THEN
        RAISE EXCEPTION 'the live shares of a prompt make up 100' USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER shares_make_up_100 AFTER INSERT OR UPDATE ON "%(schema)s".agents_release
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_shares_make_up_100();

-- Workers read recalls from memory, with policy, tool settings and stops; this tells them at once to look again.
CREATE TRIGGER recall_tells AFTER INSERT OR UPDATE OR DELETE ON "%(schema)s".agents_recall
    FOR EACH STATEMENT EXECUTE FUNCTION "%(schema)s".approvals_tell();
