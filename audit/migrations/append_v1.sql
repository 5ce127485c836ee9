-- Append a batch of entries to their streams, in the caller's transaction.
--
-- `bodies` are the exact bytes of entries of format 1; every column is read from them, so that none can disagree.
-- The arrays after it are raw texts, one element each: the entry (its place in `bodies`, from 1) that commits to it, its
-- key, its name in that entry, its salt, and the text. Returns one row per entry, in the order given.
CREATE FUNCTION audit_append(
    bodies bytea[],
    content_entries integer[], content_ids uuid[], content_names text[], content_salts bytea[], content_texts text[]
) RETURNS TABLE (id bigint, seq bigint, entry_hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "%(schema)s", pg_temp SET plan_cache_mode = force_generic_plan
AS $append$
#variable_conflict use_column
DECLARE
    total constant integer := coalesce(cardinality(bodies), 0);
    copies jsonb[];
    streams text[];
    foreign_entries integer;
    stream_count integer;
    names text[];
    seqs bigint[];
    hashes bytea[];
    ended boolean[];
    ids bigint[];
    entry_seqs bigint[];
    prevs bytea[];
    entry_hashes bytea[];
    place integer;
    prefixes bytea[];  -- what every hash of a stream begins with
    body_hashes bytea[];
    closing boolean[];
    head bytea;
    number bigint;
    written integer;
BEGIN
    -- 1. Read every body once; refuse what another log or another format wrote.
    SELECT array_agg(b.copy ORDER BY b.n), array_agg(b.copy ->> 'stream' ORDER BY b.n),
           array_agg(sha256(b.body) ORDER BY b.n), array_agg(coalesce((b.copy ->> 'closes')::boolean, false) ORDER BY b.n),
           count(*) FILTER (WHERE (b.copy -> 'v', b.copy ->> 'log') IS DISTINCT FROM ('1'::jsonb, l.id::text)),
           count(DISTINCT b.copy ->> 'stream')
      INTO copies, streams, body_hashes, closing, foreign_entries, stream_count
      FROM (SELECT u.n, u.body, convert_from(u.body, 'UTF8')::jsonb AS copy
              FROM unnest(bodies) WITH ORDINALITY AS u (body, n)
            OFFSET 0) AS b  -- kept apart, or each use of the copy would parse the body again
      CROSS JOIN audit_log AS l;
    IF total = 0 OR copies IS NULL OR foreign_entries > 0 OR array_position(streams, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'not entries of this log' USING ERRCODE = 'CS002';
    END IF;

    -- 2. Make the streams that are new and lock the heads, both in the order of their names, so that two appends that
    --    share streams wait for each other and never in a circle.
    INSERT INTO audit_stream (name, head_seq, head_hash, closed)
    SELECT s.name, 0, sha256('countersign.genesis.v1\000'::bytea || convert_to(s.name, 'UTF8')), false
      FROM (SELECT DISTINCT u.name COLLATE "C" AS name FROM unnest(streams) AS u (name)) AS s
     ORDER BY s.name
        ON CONFLICT DO NOTHING;
    SELECT array_agg(h.name), array_agg(h.head_seq), array_agg(h.head_hash), array_agg(h.closed),
           array_agg('countersign.entry.v1\000'::bytea || int4send(octet_length(h.name)) || convert_to(h.name, 'UTF8'))
      INTO names, seqs, hashes, ended, prefixes
      FROM (SELECT s.name, s.head_seq, s.head_hash, s.closed FROM audit_stream AS s
             WHERE s.name = ANY (streams) ORDER BY s.name FOR UPDATE) AS h;
    IF cardinality(names) IS DISTINCT FROM stream_count THEN
        -- Only a snapshot older than the statement (repeatable read) can miss a stream that is there.
        RAISE EXCEPTION 'append runs under read committed only' USING ERRCODE = '40001';
    END IF;

    -- 3. Number and chain. Numbers are taken while the heads are held, so within a stream they follow its order.
    SELECT array_agg(nextval('audit_entry_id')) INTO ids FROM generate_series(1, total);
    FOR n IN 1..total LOOP
        place := array_position(names, streams[n]);
        IF ended[place] THEN
            RAISE EXCEPTION 'the stream has ended' USING ERRCODE = 'CS001', DETAIL = streams[n];
        END IF;
        head := hashes[place];
        number := seqs[place] + 1;
        prevs[n] := head;
        head := sha256(prefixes[place] || int8send(number) || head || body_hashes[n]);
        seqs[place] := number;
        entry_seqs[n] := number;
        hashes[place] := head;
        entry_hashes[n] := head;
        ended[place] := closing[n];
    END LOOP;

    -- 4. Write the entries, the heads, what waits for its log index, and the texts that the entries commit to.
    INSERT INTO audit_entry (id, stream, seq, kind, at, actor_kind, actor_id, tool, body, body_json, prev_hash, entry_hash)
    SELECT e.id, e.stream, e.seq, e.copy ->> 'kind', (e.copy ->> 'ts')::timestamptz, e.copy #>> '{principal,kind}',
           e.copy #>> '{principal,id}', coalesce(e.copy #>> '{facts,tool}', ''), e.body,
           e.copy - '{content,kind,log,span,stream,trace,ts,v}'::text[], e.prev_hash, e.entry_hash
      FROM unnest(ids, streams, entry_seqs, copies, bodies, prevs, entry_hashes)
           AS e (id, stream, seq, copy, body, prev_hash, entry_hash);
    UPDATE audit_stream AS s SET head_seq = h.seq, head_hash = h.hash, closed = h.closed
      FROM unnest(names, seqs, hashes, ended) AS h (name, seq, hash, closed)
     WHERE s.name = h.name COLLATE "C";
    INSERT INTO audit_pending (entry_id) SELECT unnest(ids);
    IF cardinality(content_entries) > 0 THEN
        INSERT INTO audit_content (id, entry_id, name, cls, salt, body)
        SELECT c.id, e.id, c.name, e.copy #>> ARRAY['content', c.name, 'class'], c.salt, c.body
          FROM unnest(content_entries, content_ids, content_names, content_salts, content_texts)
               AS c (entry, id, name, salt, body)
          JOIN unnest(ids, copies) WITH ORDINALITY AS e (id, copy, n) ON e.n = c.entry
         WHERE e.copy #>> ARRAY['content', c.name, 'commitment']
               = encode(sha256('countersign.content.v1\000'::bytea || c.salt || convert_to(c.body, 'UTF8')), 'hex');
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> cardinality(content_entries) THEN
            RAISE EXCEPTION 'a text is not the one that its entry commits to' USING ERRCODE = 'CS002';
        END IF;
    END IF;
    RETURN QUERY SELECT r.id, r.seq, r.entry_hash
                   FROM unnest(ids, entry_seqs, entry_hashes) WITH ORDINALITY AS r (id, seq, entry_hash, n) ORDER BY r.n;
END
$append$;
REVOKE ALL ON FUNCTION audit_append(bytea[], integer[], uuid[], text[], bytea[], text[]) FROM PUBLIC;
