-- What a standing approval let vary, and up to which amounts, goes with the arguments that it was given on, once the deletion of its
-- session is recorded. Nothing else is new.
CREATE OR REPLACE FUNCTION approvals_guard_standing() RETURNS trigger LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
BEGIN
    IF NEW.vary = '[]' AND NEW.up_to = '{}'
        AND to_jsonb(NEW) - '{vary,up_to}'::text[] = to_jsonb(OLD) - '{vary,up_to}'::text[]
        AND EXISTS (SELECT FROM audit_deleted_stream WHERE stream = 'session:' || OLD.session_ref)
    THEN
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - '{status,left,ended_name,ended_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{status,left,ended_name,ended_at}'::text[]
        OR NEW.left > OLD.left OR OLD.status IN ('revoked', 'undone') OR (OLD.status = 'used_up' AND NEW.status = 'active')
    THEN
        RAISE EXCEPTION 'a standing approval can only be used or ended' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;
