-- Control requests: marks that stay as they were made, of requests by which nothing can ever run.
-- SQLSTATE 23001 (restrict_violation) reaches Python as an IntegrityError.

CREATE FUNCTION approvals_guard_control() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    request approvals_approvalrequest%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status <> 'planted' OR (NEW.id, NEW.request_id, NEW.template, NEW.wrong, NEW.because, NEW.salt, NEW.planted_at)
            IS DISTINCT FROM (OLD.id, OLD.request_id, OLD.template, OLD.wrong, OLD.because, OLD.salt, OLD.planted_at)
        THEN
            RAISE EXCEPTION 'a control request is resolved once, and stays what it was' USING ERRCODE = '23001';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO STRICT request FROM approvals_approvalrequest WHERE id = NEW.request_id FOR UPDATE;
    IF request.session_id IS NOT NULL OR request.call_id IS NOT NULL OR request.kind <> 'tool_call' THEN
        RAISE EXCEPTION 'request % is a real one and cannot be a control request', request.number USING ERRCODE = '23001';
    END IF;
    -- A request that was decided must not be called a control request afterwards.
    IF NEW.status <> 'planted' OR request.status <> 'pending'
        OR EXISTS (SELECT FROM approvals_decision WHERE request_id = request.id)
    THEN
        RAISE EXCEPTION 'request % is not new, so it is no control request', request.number USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER control_guard BEFORE INSERT OR UPDATE ON approvals_controlrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_guard_control();
CREATE TRIGGER control_stays BEFORE DELETE ON approvals_controlrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();

-- Not even approved for later: no state of a control request is one that something could run by.
CREATE FUNCTION approvals_refuse_control() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM approvals_controlrequest WHERE request_id = NEW.id) THEN
        RAISE EXCEPTION 'request % is a control request: nothing ever runs by it', NEW.number USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER request_control_never_runs BEFORE UPDATE ON approvals_approvalrequest
    FOR EACH ROW WHEN (NEW.session_id IS NULL AND NEW.status IN ('held', 'approved', 'consumed'))
    EXECUTE FUNCTION approvals_refuse_control();
