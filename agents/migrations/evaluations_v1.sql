-- A case's revision is what a run was held against, and a result what came of it: changing either would rewrite a score.
CREATE FUNCTION "%(schema)s".agents_case_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status' THEN
        RAISE EXCEPTION 'a case is immutable; add another revision' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER case_is_immutable BEFORE UPDATE ON "%(schema)s".agents_case
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_case_is_immutable();

CREATE FUNCTION "%(schema)s".agents_result_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a result is immutable; run the suite again' USING ERRCODE = '23001';
END $$;
CREATE TRIGGER result_is_immutable BEFORE UPDATE ON "%(schema)s".agents_evalresult
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_result_is_immutable();
