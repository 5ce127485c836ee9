-- What no constraint can say of break-glass. SQLSTATE as in guards_v1.sql.

CREATE TRIGGER glass_stays BEFORE DELETE ON approvals_glassuse
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();

-- A use: what was done and why stays; it can only be reviewed, once.
CREATE FUNCTION approvals_guard_glass_use() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    review CONSTANT text[] := ARRAY['status', 'reviewed_by', 'reviewed_name', 'note', 'reviewed_at'];
BEGIN
    IF OLD.status <> 'open' OR to_jsonb(NEW) - review IS DISTINCT FROM to_jsonb(OLD) - review THEN
        RAISE EXCEPTION 'a use of break-glass cannot be changed, only reviewed' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER glass_guard BEFORE UPDATE ON approvals_glassuse
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_glass_use();

-- A decision that breaks the glass: where the policy of now allows it, and never by who has part in the request, whatever
-- policy lets him confirm of his own.
CREATE FUNCTION approvals_guard_glass() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF NEW.verdict <> 'approve' OR NOT coalesce(
        (SELECT (document -> 'break_glass' ->> 'enabled')::boolean FROM approvals_policyrevision WHERE current), false)
    THEN
        RAISE EXCEPTION 'the policy lets nobody break the glass' USING ERRCODE = '23001';
    END IF;
    IF EXISTS (
        SELECT FROM approvals_approvalrequest
            WHERE id = NEW.request_id AND (NEW.decided_by = ANY (excluded) OR NEW.decided_by = requester OR kind <> 'tool_call'))
    THEN
        RAISE EXCEPTION 'four eyes: the glass cannot be broken for what one has part in' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER decision_glass_guard BEFORE INSERT ON approvals_decision
    FOR EACH ROW WHEN (NEW.broke_glass) EXECUTE FUNCTION approvals_guard_glass();

-- None without its use, which everybody sees until it was reviewed.
CREATE FUNCTION approvals_glass_is_told() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM approvals_glassuse WHERE decision_id = NEW.id AND used_by = NEW.decided_by) THEN
        RAISE EXCEPTION 'a decision that breaks the glass has to be told' USING ERRCODE = '23001';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER decision_glass_is_told AFTER INSERT ON approvals_decision DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.broke_glass) EXECUTE FUNCTION approvals_glass_is_told();

-- A request, as before; that fewer votes are enough where somebody broke the glass is new.
CREATE OR REPLACE FUNCTION approvals_guard_request() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    votes integer;
BEGIN
    IF NEW.digest <> encode(sha256(NEW.body), 'hex') THEN
        RAISE EXCEPTION 'the digest of request % is not that of its body', NEW.number USING ERRCODE = '23001';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    IF OLD.status IN ('consumed', 'rejected', 'answered', 'expired', 'withdrawn', 'void') THEN
        RAISE EXCEPTION 'request % is %, which is an end', OLD.number, OLD.status USING ERRCODE = '23001';
    END IF;
    IF (NEW.id, NEW.number, NEW.kind, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.number, OLD.kind, OLD.created_at)
        OR (NEW.session_id, NEW.call_id, NEW.tool, NEW.requester) IS DISTINCT FROM (OLD.session_id, OLD.call_id, OLD.tool, OLD.requester)
    THEN
        RAISE EXCEPTION 'what request % is about cannot change', OLD.number USING ERRCODE = '23001';
    END IF;
    IF NEW.body IS DISTINCT FROM OLD.body THEN
        IF NEW.revision <> OLD.revision + 1 OR OLD.status <> 'pending' THEN
            RAISE EXCEPTION 'request % can change only while it is pending and as its next revision', OLD.number USING ERRCODE = '23001';
        END IF;
    ELSIF NEW.revision <> OLD.revision
        OR (NEW.tier, NEW.blast_radius, NEW.required, NEW.groups, NEW.self_confirm, NEW.reauthenticate)
            IS DISTINCT FROM (OLD.tier, OLD.blast_radius, OLD.required, OLD.groups, OLD.self_confirm, OLD.reauthenticate)
    THEN
        RAISE EXCEPTION 'who has to agree to request % changes only with a next revision', OLD.number USING ERRCODE = '23001';
    END IF;
    IF NOT OLD.excluded <@ NEW.excluded THEN
        RAISE EXCEPTION 'four eyes of request % can only be widened', OLD.number USING ERRCODE = '23001';
    END IF;
    IF NEW.status = 'consumed' THEN
        IF OLD.status NOT IN ('approved', 'held') THEN
            RAISE EXCEPTION 'request % is %, there is no approval to use', OLD.number, OLD.status USING ERRCODE = '23001';
        END IF;
        SELECT count(*) INTO votes FROM approvals_decision
            WHERE request_id = OLD.id AND revision = OLD.revision AND voided = '' AND verdict IN ('approve', 'edit');
        -- Not an error but a lost race (a vote was voided, time went by): no row is changed, and the writer sees that.
        IF (votes < OLD.required AND NOT EXISTS (
                SELECT FROM approvals_decision
                    WHERE request_id = OLD.id AND revision = OLD.revision AND voided = '' AND broke_glass))
            OR OLD.expires_at <= clock_timestamp()
            OR (OLD.status = 'held' AND OLD.held_until > clock_timestamp())
        THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN NEW;
END $$;
