-- What was said to people and by people may be deleted from requests that have ended and from the decisions on them, once the
-- deletion of their session is recorded; the digests that were decided on stay. Nothing else is new.
CREATE OR REPLACE FUNCTION approvals_guard_request() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    votes integer;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.body = '{"arguments":{}}'::bytea
        AND OLD.status IN ('consumed', 'rejected', 'answered', 'expired', 'withdrawn', 'void')
        AND to_jsonb(NEW) - '{body,summary,facts,taint,shape,target}'::text[]
            = to_jsonb(OLD) - '{body,summary,facts,taint,shape,target}'::text[]
        AND EXISTS (SELECT FROM audit_deleted_stream WHERE stream = 'session:' || OLD.session_ref)
    THEN
        RETURN NEW;
    END IF;
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

CREATE OR REPLACE FUNCTION approvals_guard_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    request approvals_approvalrequest%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.instruction = '' AND NEW.answer = '' AND NEW.difference = '[]'
            AND to_jsonb(NEW) - '{instruction,answer,difference}'::text[] = to_jsonb(OLD) - '{instruction,answer,difference}'::text[]
            AND EXISTS (SELECT FROM approvals_approvalrequest AS r JOIN audit_deleted_stream AS s ON s.stream = 'session:' || r.session_ref
                         WHERE r.id = OLD.request_id)
        THEN
            RETURN NEW;
        END IF;
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
