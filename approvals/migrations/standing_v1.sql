-- What no constraint can say of standing approvals. Both triggers fire for them alone; an ordinary decision has none.

-- It only gets less: what it covers and until when stays as it was given, and its number never grows.
CREATE FUNCTION approvals_guard_standing() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF to_jsonb(NEW) - '{status,left,ended_name,ended_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{status,left,ended_name,ended_at}'::text[]
        OR NEW.left > OLD.left OR OLD.status IN ('revoked', 'undone') OR (OLD.status = 'used_up' AND NEW.status = 'active')
    THEN
        RAISE EXCEPTION 'a standing approval can only be used or ended' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER standing_guard BEFORE UPDATE ON approvals_standingapproval
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_standing();
CREATE TRIGGER standing_stays BEFORE DELETE ON approvals_standingapproval
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();

-- A decision given by a standing approval: in its giver's name, on a request of the same session and tool, and counted.
CREATE FUNCTION approvals_guard_covered() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM approvals_standingapproval s JOIN approvals_approvalrequest r ON r.id = NEW.request_id
        WHERE s.id = NEW.standing_id AND s.given_by = NEW.decided_by AND s.session_id = r.session_id AND s.tool = r.tool
            AND s.request_id <> r.id AND r.required = 1 AND NOT r.reauthenticate AND NEW.verdict = 'approve'
            AND (SELECT count(*) FROM approvals_decision d WHERE d.standing_id = s.id) = s.count - s.left
    ) THEN
        RAISE EXCEPTION 'no standing approval covers this decision' USING ERRCODE = '23001';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER decision_is_covered AFTER INSERT ON approvals_decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.standing_id IS NOT NULL)
    EXECUTE FUNCTION approvals_guard_covered();
