"""The schema of the lab's database, one migration after the other.

Owns: tables, partitions, views, and how an older database becomes the present one.
Rules: a migration that was released is never changed; all that are due run in one transaction, one ingester at a time;
records lie in a partition by the month of the rig's own clock, which stands under their seal, so that the same record
always has the same place; those without a clock, or with an absurd one, lie in the rest; where TimescaleDB was made
part of this database the table is its hypertable instead.
Units: by the columns' endings; `at` is the time as mended by the store's rules, `filed_at` the rig's own.
Leaves: taking records in to database.py, what was asked for to books.py.
"""

from __future__ import annotations

from typing import Any

from pumpwire import spec

from pumprig.errors import PumpError

ENCODINGS = ("UTF8", "SQL_ASCII")  # the latter keeps whatever bytes come, and UTF-8 comes
LOCK = 0x70756D70  # of the migrations: one ingester at a time
KIND_COLUMNS = tuple(f"{kind}_steps" for kind in spec.KINDS)

_KINDS = ", ".join(f"{name} bigint NOT NULL" for name in KIND_COLUMNS)
_SIGNED = " + ".join(f"{'-' if kind == 'relief' else ''}{kind}_steps" for kind in spec.KINDS)
_SINCE = ",\n        ".join(
    f"{'-1 * ' if kind == 'relief' else ''}({kind}_steps - lag({kind}_steps) OVER turn) AS {kind}"
    for kind in spec.KINDS
)
_ROWS = ", ".join(f"('{kind}', {kind})" for kind in spec.KINDS)

FIRST = f"""
CREATE TABLE devices (
    site text NOT NULL, device text NOT NULL, last_boot bigint, last_number bigint, last_link bytea,
    PRIMARY KEY (site, device)
);
CREATE TABLE records (
    site text NOT NULL, device text NOT NULL, boot bigint NOT NULL, number bigint NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY, raw bytea NOT NULL, event text NOT NULL, mono_us bigint NOT NULL,
    at timestamptz, calibration_id bigint NOT NULL, {_KINDS}, text text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (site, device, boot, number)
);
CREATE INDEX records_by_time ON records (site, device, at);
CREATE TABLE calibrations (
    site text NOT NULL, device text NOT NULL, calibration_id bigint NOT NULL, step_nl_num numeric NOT NULL,
    step_nl_den numeric NOT NULL, u_ppm bigint NOT NULL, PRIMARY KEY (site, device, calibration_id)
);
CREATE TABLE refused (
    site text NOT NULL, device text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), why text NOT NULL,
    raw bytea NOT NULL
);
CREATE VIEW steps AS
    SELECT site, device, boot, number, place, at, calibration_id, event,
        {_SIGNED} - lag({_SIGNED}, 1, 0::bigint) OVER (PARTITION BY site, device ORDER BY place) AS steps
    FROM records;
CREATE VIEW delivered_by_hour AS
    SELECT s.site, s.device, date_trunc('hour', s.at) AS hour, sum(s.steps) AS steps,
        sum(s.steps * c.step_nl_num / c.step_nl_den) AS delivered_nl,
        sum(s.steps) FILTER (WHERE c.calibration_id IS NULL) AS steps_without_calibration
    FROM steps s LEFT JOIN calibrations c USING (site, device, calibration_id)
    GROUP BY s.site, s.device, date_trunc('hour', s.at);
"""

_FACTS = "site, device, boot, number, raw, event, mono_us, at, calibration_id, text, stored_at"
_OLD = f"{_FACTS}, {', '.join(KIND_COLUMNS)}"

BY_MONTH = f"""
DROP VIEW delivered_by_hour;
DROP VIEW steps;
ALTER TABLE records RENAME TO records_before;
ALTER TABLE records_before RENAME CONSTRAINT records_pkey TO records_before_pkey;
DROP INDEX records_by_time;
ALTER TABLE calibrations RENAME TO calibrations_before;
ALTER TABLE calibrations_before RENAME CONSTRAINT calibrations_pkey TO calibrations_before_pkey;
ALTER TABLE refused RENAME TO refused_before;
ALTER TABLE devices RENAME TO sources;
ALTER TABLE sources ADD COLUMN documents text NOT NULL DEFAULT '';
CREATE TABLE devices (device text PRIMARY KEY, site text NOT NULL, changes bigint NOT NULL DEFAULT 1);
INSERT INTO devices SELECT device, max(site) FROM sources GROUP BY device;
CREATE FUNCTION pumprig_timescale() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') $$;
DO $do$
DECLARE columns text := 'device text NOT NULL, boot bigint NOT NULL, number bigint NOT NULL,
    filed_at timestamptz NOT NULL, site text NOT NULL, raw bytea NOT NULL, event text NOT NULL,
    mono_us numeric NOT NULL, at timestamptz, calibration_id bigint NOT NULL, {_KINDS}, text text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (device, boot, number, filed_at)';
BEGIN
    IF pumprig_timescale() THEN
        EXECUTE 'CREATE TABLE records (' || columns || ')';
        PERFORM create_hypertable('records', 'filed_at', chunk_time_interval => interval '1 month');
    ELSE
        EXECUTE 'CREATE TABLE records (' || columns || ') PARTITION BY RANGE (filed_at)';
        CREATE TABLE records_rest PARTITION OF records DEFAULT;
    END IF;
END $do$;
CREATE FUNCTION pumprig_month(filed_at timestamptz) RETURNS void LANGUAGE plpgsql AS $do$
DECLARE
    begins timestamptz := date_trunc('month', filed_at, 'UTC');
    name text := 'records_' || to_char(filed_at AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF pumprig_timescale() OR filed_at < '2020-01-01Z' OR filed_at >= '2100-01-01Z' OR to_regclass(name) IS NOT NULL
    THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF records FOR VALUES FROM (%L) TO (%L)', name, begins,
        (begins AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
END $do$;
SELECT pumprig_month(month) FROM (
    SELECT DISTINCT date_trunc('month', at, 'UTC') AS month FROM records_before WHERE at IS NOT NULL) months;
INSERT INTO records ({_OLD}, filed_at)
    SELECT {_OLD}, coalesce(at, '1970-01-01Z') FROM records_before ON CONFLICT DO NOTHING;
CREATE INDEX records_by_number ON records (device, number, boot) INCLUDE (calibration_id);
CREATE INDEX records_told ON records (device, number, boot) WHERE event <> 'checkpoint';
CREATE TABLE calibrations (
    device text NOT NULL, calibration_id bigint NOT NULL, step_nl_num numeric NOT NULL, step_nl_den numeric NOT NULL,
    u_ppm bigint NOT NULL, PRIMARY KEY (device, calibration_id)
);
INSERT INTO calibrations SELECT device, calibration_id, step_nl_num, step_nl_den, u_ppm FROM calibrations_before
    ON CONFLICT DO NOTHING;
CREATE TABLE programs (device text NOT NULL, hash text NOT NULL, text text NOT NULL, PRIMARY KEY (device, hash));
CREATE TABLE host_ties (device text NOT NULL, boot bigint NOT NULL, tie_us bigint NOT NULL, PRIMARY KEY (device, boot));
CREATE TABLE refused (
    site text NOT NULL, device text NOT NULL, why text NOT NULL, raw bytea NOT NULL, times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(), last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO refused SELECT site, device, why, raw, count(*), min(at), max(at) FROM refused_before GROUP BY 1, 2, 3, 4;
CREATE UNIQUE INDEX refused_once ON refused (site, device, md5(why), md5(raw));
DROP TABLE records_before, calibrations_before, refused_before;

CREATE TABLE accounts (
    device text PRIMARY KEY, changes bigint NOT NULL, asked_known boolean NOT NULL, unknown_requests bigint NOT NULL,
    unknown_s double precision NOT NULL, step_nl double precision NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE not_given_by_hour (
    device text NOT NULL, hour timestamptz, kind text NOT NULL, why text NOT NULL, name text NOT NULL,
    nl double precision NOT NULL, for_s double precision NOT NULL, times bigint NOT NULL
);
CREATE INDEX not_given_of ON not_given_by_hour (device, hour);
CREATE VIEW steps AS
    WITH since AS (SELECT site, device, boot, number, at, event,
        coalesce(nullif(lag(calibration_id) OVER turn, 0), calibration_id) AS calibration_id,
        {_SINCE}
    FROM records WINDOW turn AS (PARTITION BY device ORDER BY number, boot))
    SELECT site, device, boot, number, at, event, calibration_id, each.kind, each.steps
    FROM since CROSS JOIN LATERAL (VALUES {_ROWS}) AS each (kind, steps) WHERE each.steps <> 0;
CREATE VIEW delivered_by_hour AS
    SELECT s.site, s.device, date_trunc('hour', s.at, 'UTC') AS hour, s.kind, sum(s.steps)::bigint AS steps,
        sum(s.steps * c.step_nl_num / c.step_nl_den) AS delivered_nl,
        coalesce(sum(s.steps) FILTER (WHERE c.calibration_id IS NULL), 0)::bigint AS steps_without_calibration
    FROM steps s LEFT JOIN calibrations c USING (device, calibration_id)
    GROUP BY 1, 2, 3, 4;
CREATE VIEW asked_by_hour AS
    WITH given AS (SELECT device, hour, kind, sum(delivered_nl) AS nl FROM delivered_by_hour GROUP BY 1, 2, 3),
        lost AS (SELECT device, hour, kind, sum(nl)::numeric AS nl FROM not_given_by_hour GROUP BY 1, 2, 3)
    SELECT d.site, device, hour, kind, coalesce(given.nl, 0) AS delivered_nl, coalesce(lost.nl, 0) AS not_given_nl,
        coalesce(given.nl, 0) + coalesce(lost.nl, 0) AS asked_nl
    FROM given FULL JOIN lost USING (device, hour, kind) JOIN devices d USING (device);
CREATE VIEW totals AS
    WITH part AS (SELECT s.device, s.calibration_id, sum(s.steps) AS steps,
            trunc(sum(s.steps) * max(c.step_nl_num) / max(c.step_nl_den)) AS nl
        FROM steps s LEFT JOIN calibrations c USING (device, calibration_id) GROUP BY 1, 2),
        given AS (SELECT device, sum(steps)::bigint AS steps, coalesce(sum(nl), 0)::bigint AS nl,
            coalesce(sum(steps) FILTER (WHERE nl IS NULL), 0)::bigint AS unknown_steps FROM part GROUP BY 1),
        reason AS (SELECT device, why, name, round(sum(nl))::bigint AS nl FROM not_given_by_hour GROUP BY 1, 2, 3),
        lost AS (SELECT device, sum(nl)::bigint AS nl FROM reason GROUP BY 1)
    SELECT d.site, d.device, coalesce(given.steps, 0) AS steps, coalesce(given.nl, 0) AS delivered_nl,
        coalesce(given.unknown_steps, 0) AS steps_without_calibration, coalesce(lost.nl, 0) AS not_given_nl,
        CASE WHEN a.asked_known THEN coalesce(given.nl, 0) + coalesce(lost.nl, 0) END AS asked_nl,
        a.changes = d.changes AS booked
    FROM devices d LEFT JOIN given USING (device) LEFT JOIN lost USING (device) LEFT JOIN accounts a USING (device);
"""

MIGRATIONS = (FIRST, BY_MONTH)


def migrate(db: Any) -> None:
    """Bring the schema up to date, one ingester at a time."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        db.execute("CREATE TABLE IF NOT EXISTS pumprig_schema (version integer NOT NULL)")
        row = db.execute("SELECT max(version) FROM pumprig_schema").fetchone()
        version = int(row[0] or 0) if row else 0
        if version > len(MIGRATIONS):
            raise PumpError(
                f"The database is of form {version}, and this pumprig knows {len(MIGRATIONS)}.",
                "Nothing was stored; the gateways send it again.",
                "Update pumprig here.",
            )
        encoding = str(db.info.parameter_status("server_encoding"))
        if not version and encoding not in ENCODINGS:
            raise PumpError(
                f"The database has the encoding {encoding}, in which not every program's name can be written.",
                "Nothing was stored; the gateways send it again.",
                "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
            )
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            db.execute(statements.encode())
            db.execute("INSERT INTO pumprig_schema VALUES (%s)", (number,))
