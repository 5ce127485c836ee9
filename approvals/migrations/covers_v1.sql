-- What no constraint can say of covers and of votes that are given in somebody's place. SQLSTATE as in guards_v1.sql.

CREATE TRIGGER cover_stays BEFORE DELETE ON approvals_cover
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();

-- A cover: what was agreed stays; it can only be ended.
CREATE FUNCTION approvals_guard_cover() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF OLD.status <> 'agreed'
        OR to_jsonb(NEW) - ARRAY['status', 'ended_by', 'ended_at'] IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'ended_by', 'ended_at']
    THEN
        RAISE EXCEPTION 'a cover cannot be changed, only ended' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER cover_guard BEFORE UPDATE ON approvals_cover
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_cover();

-- A vote in somebody's place: a cover holds now, and the absent one has neither a part in the request nor a vote on it.
CREATE FUNCTION approvals_guard_place() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM approvals_cover WHERE status = 'agreed' AND deputy = NEW.decided_by AND absent = NEW.in_place_of
            AND starts_at <= clock_timestamp() AND ends_at > clock_timestamp())
    THEN
        RAISE EXCEPTION 'no cover lets % decide in that place now', NEW.decided_name USING ERRCODE = '23001';
    END IF;
    IF EXISTS (
        SELECT FROM approvals_approvalrequest
            WHERE id = NEW.request_id AND (NEW.in_place_of = ANY (excluded) OR NEW.in_place_of = requester))
    THEN
        RAISE EXCEPTION 'four eyes: who is covered has part in the request' USING ERRCODE = '23001';
    END IF;
    IF EXISTS (
        SELECT FROM approvals_decision WHERE request_id = NEW.request_id AND revision = NEW.revision AND voided = ''
            AND decided_by = NEW.in_place_of)
    THEN
        RAISE EXCEPTION 'a place is one vote: who is covered has voted' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER decision_place_guard BEFORE INSERT ON approvals_decision
    FOR EACH ROW WHEN (NEW.in_place_of IS NOT NULL) EXECUTE FUNCTION approvals_guard_place();
