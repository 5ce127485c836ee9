-- One round for all questions that a worker has waiting:
-- 1. make the meters of this period that are not there yet
-- 2. lock every meter concerned, in one order everywhere
-- 3. settle what was answered: `settled` is [{id, spent}], a spent of null is the worst case; what is gone is settled already
-- 4. for each of `wished`, in order: reserve its worst case on every meter that applies, or on none
-- A session that has not begun waits once what is spent reaches its share of a cap, however much its question may cost: until
-- then it may take what is left, as any other.
-- Returns {answers: [{n, granted, budget, why, at_cap, left, until_s}], crossed: [meter]}.
CREATE OR REPLACE FUNCTION agents_meter_round(by_owner text, settled jsonb, wished jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = "%(schema)s", pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    concerned uuid[];
    applies uuid[];
    taken jsonb := '{}';
    answers jsonb := '[]';
    crossed jsonb;
    wish record;
    short record;
BEGIN
    -- 1. FOR SHARE: a cap that is being changed is waited for.
    INSERT INTO agents_meter (id, budget_id, starts_at, ends_at, cap_microusd)
    SELECT gen_random_uuid(), b.id, p.starts AT TIME ZONE 'UTC', (p.starts + ('1 ' || b.period)::interval) AT TIME ZONE 'UTC',
        b.cap_microusd
    FROM agents_budget b CROSS JOIN LATERAL (SELECT date_trunc(b.period, moment AT TIME ZONE 'UTC') AS starts) p
    WHERE b.status = 'active' AND wished <> '[]'
        AND NOT EXISTS (SELECT FROM agents_meter m WHERE m.budget_id = b.id AND m.starts_at = p.starts AT TIME ZONE 'UTC')
    FOR SHARE OF b
    ON CONFLICT DO NOTHING;

    -- 2.
    concerned := ARRAY(
        SELECT unnest(r.meters) FROM agents_reservation r JOIN jsonb_to_recordset(settled) AS s(id uuid) ON s.id = r.id
        UNION
        SELECT m.id FROM agents_meter m JOIN agents_budget b ON b.id = m.budget_id
        WHERE b.status = 'active' AND m.starts_at <= moment AND m.ends_at > moment AND EXISTS (
            SELECT FROM jsonb_to_recordset(wished) AS w(agent text, tenant text)
            WHERE agents_budget_meets(b.kind, b.key, w.agent, w.tenant)));
    PERFORM FROM agents_meter m WHERE m.id = ANY(concerned) ORDER BY m.id FOR NO KEY UPDATE;

    -- 3.
    WITH gone AS (
        DELETE FROM agents_reservation r USING jsonb_to_recordset(settled) AS s(id uuid, spent bigint) WHERE r.id = s.id
        RETURNING r.meters, r.worst_microusd AS worst, coalesce(s.spent, r.worst_microusd) AS spent
    ), sums AS (
        SELECT meter, sum(worst) AS worst, sum(spent) AS spent FROM gone, unnest(gone.meters) AS meter GROUP BY meter
    )
    UPDATE agents_meter m SET reserved_microusd = m.reserved_microusd - sums.worst, spent_microusd = m.spent_microusd + sums.spent
    FROM sums WHERE m.id = sums.meter;

    -- 4. `share` is the part of a cap, in hundredths, from which on this question waits; 100: it does not.
    FOR wish IN SELECT * FROM jsonb_to_recordset(wished) AS w(n integer, id uuid, session uuid, agent text, tenant text,
        model text, purpose text, worst bigint, share integer, lasts_s double precision) ORDER BY w.n
    LOOP
        SELECT array_agg(m.id) INTO applies FROM agents_meter m JOIN agents_budget b ON b.id = m.budget_id
        WHERE m.id = ANY(concerned) AND b.status = 'active' AND m.starts_at <= moment AND m.ends_at > moment
            AND agents_budget_meets(b.kind, b.key, wish.agent, wish.tenant);
        IF applies IS NULL THEN
            answers := answers || jsonb_build_object('n', wish.n, 'granted', true, 'free', true);
            CONTINUE;
        END IF;
        SELECT m.id, b.id AS budget, b.at_cap, m.cap_microusd - m.spent_microusd AS left_over,
            extract(epoch FROM m.ends_at - moment) AS until_s,
            CASE WHEN m.spent_microusd + wish.worst > m.cap_microusd THEN 'spent'
                WHEN wish.share < 100 AND m.spent_microusd * 100 >= m.cap_microusd * wish.share THEN 'throttled'
                ELSE 'crowded' END AS why
        INTO short FROM agents_meter m JOIN agents_budget b ON b.id = m.budget_id
            CROSS JOIN LATERAL (SELECT m.spent_microusd + m.reserved_microusd + coalesce((taken ->> m.id::text)::bigint, 0) AS used) u
        WHERE m.id = ANY(applies) AND (u.used + wish.worst > m.cap_microusd
            OR wish.share < 100 AND u.used * 100 >= m.cap_microusd * wish.share)
        ORDER BY m.spent_microusd + wish.worst > m.cap_microusd DESC,
            wish.share < 100 AND m.spent_microusd * 100 >= m.cap_microusd * wish.share DESC, m.ends_at DESC LIMIT 1;
        IF FOUND THEN
            IF short.why = 'spent' THEN
                UPDATE agents_meter SET refused_at = moment WHERE id = short.id AND refused_at IS NULL;
            END IF;
            answers := answers || jsonb_build_object('n', wish.n, 'granted', false, 'budget', short.budget, 'why', short.why,
                'at_cap', short.at_cap, 'left', short.left_over, 'until_s', short.until_s);
            CONTINUE;
        END IF;
        INSERT INTO agents_reservation (id, meters, worst_microusd, owner, session_id, model, purpose, expires_at)
        VALUES (wish.id, applies, wish.worst, by_owner, wish.session, wish.model, wish.purpose,
            moment + make_interval(secs => wish.lasts_s));
        SELECT taken || jsonb_object_agg(id::text, coalesce((taken ->> id::text)::bigint, 0) + wish.worst) INTO taken
        FROM unnest(applies) AS id;
        answers := answers || jsonb_build_object('n', wish.n, 'granted', true);
    END LOOP;
    UPDATE agents_meter m SET reserved_microusd = m.reserved_microusd + t.value::bigint
    FROM jsonb_each_text(taken) t WHERE m.id = t.key::uuid;

    SELECT coalesce(jsonb_agg(m.id), '[]') INTO crossed FROM agents_meter m
    WHERE m.id = ANY(concerned) AND agents_meter_level(m.spent_microusd, m.cap_microusd, m.refused_at) > m.alerted;
    RETURN jsonb_build_object('answers', answers, 'crossed', crossed);
END $$;
