-- What no constraint can say of requests, decisions and policies. These refuse whoever writes, whatever his program says.
-- SQLSTATE 23001 (restrict_violation) reaches Python as an IntegrityError.

CREATE FUNCTION approvals_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% cannot be deleted: it is part of what happened', TG_TABLE_NAME USING ERRCODE = '23001';
END $$;

CREATE TRIGGER request_stays BEFORE DELETE ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();
CREATE TRIGGER decision_stays BEFORE DELETE ON approvals_decision
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();
CREATE TRIGGER policy_stays BEFORE DELETE ON approvals_policyrevision
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();

-- A request: its digest is that of its body, and both change only as a next revision.
CREATE FUNCTION approvals_guard_request() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
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
        IF votes < OLD.required OR OLD.expires_at <= clock_timestamp()
            OR (OLD.status = 'held' AND OLD.held_until > clock_timestamp())
        THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER request_guard BEFORE INSERT OR UPDATE ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_request();

-- A decision: on what was shown, by somebody whom four eyes let, while the request waits.
CREATE FUNCTION approvals_guard_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    request approvals_approvalrequest%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.voided <> '' OR NEW.voided NOT IN ('undo', 'edit', 'rights')
            OR to_jsonb(NEW) - 'voided' IS DISTINCT FROM to_jsonb(OLD) - 'voided'
        THEN
            RAISE EXCEPTION 'a decision cannot be changed, only voided' USING ERRCODE = '23001';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO STRICT request FROM approvals_approvalrequest WHERE id = NEW.request_id FOR UPDATE;
    IF request.status <> 'pending' OR request.expires_at <= clock_timestamp() OR NEW.voided <> '' THEN
        RAISE EXCEPTION 'request % takes no decision', request.number USING ERRCODE = '23001';
    END IF;
    IF NEW.decided_by = ANY (request.excluded) AND NOT (request.self_confirm AND NEW.decided_by = request.requester) THEN
        RAISE EXCEPTION 'four eyes: who has part in request % cannot decide it', request.number USING ERRCODE = '23001';
    END IF;
    IF NEW.digest <> request.digest OR NEW.revision <> request.revision + (NEW.verdict = 'edit')::integer THEN
        RAISE EXCEPTION 'the decision is not on what request % says', request.number USING ERRCODE = '23001';
    END IF;
    IF NEW.verdict = 'reject' AND request.kind = 'tool_call' AND char_length(btrim(NEW.instruction)) < 3 THEN
        RAISE EXCEPTION 'the rejection of a call tells the agent why' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER decision_guard BEFORE INSERT OR UPDATE ON approvals_decision
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_decision();

-- A policy revision: the document stays as it was written; only which one is current moves.
CREATE FUNCTION approvals_guard_policy() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF to_jsonb(NEW) - 'current' IS DISTINCT FROM to_jsonb(OLD) - 'current' THEN
        RAISE EXCEPTION 'a policy revision cannot be changed; make a new one' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER policy_guard BEFORE UPDATE ON approvals_policyrevision
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_policy();

-- Workers read policy and tool settings from memory; this tells them at once that they have to look again.
CREATE FUNCTION approvals_tell() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    PERFORM pg_notify('countersign_policy', '');
    RETURN NULL;
END $$;

CREATE TRIGGER policy_tells AFTER INSERT OR UPDATE ON approvals_policyrevision
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_tell();
CREATE TRIGGER setting_tells AFTER INSERT OR UPDATE OR DELETE ON approvals_toolsetting
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_tell();
