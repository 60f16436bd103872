"""The schema, as the list of steps that led to it: step N turns schema N - 1 into schema N. Never edit a released step.

Times are seconds since 1970.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`additive`: a program that does not know the step goes on working with the database, and harms nothing in it.

    Indexes are additive, and columns that may be null. New states, or another meaning of a column, are not.
    """

    statements: tuple[str, ...]
    additive: bool


MIGRATIONS = (
    Step(
        additive=False,
        statements=(
            """CREATE TABLE jobs(
                id TEXT PRIMARY KEY,
                claim TEXT UNIQUE,
                fingerprint TEXT,
                account TEXT NOT NULL,
                backend TEXT NOT NULL,
                model TEXT NOT NULL,
                kind TEXT NOT NULL,
                request TEXT,
                state TEXT NOT NULL,
                generation_id TEXT,
                url TEXT,
                video TEXT,
                failure TEXT,
                warnings TEXT NOT NULL,
                note TEXT NOT NULL,
                estimate_usd DOUBLE PRECISION,
                cost_usd DOUBLE PRECISION,
                created_at DOUBLE PRECISION NOT NULL,
                sent_at DOUBLE PRECISION,
                finished_at DOUBLE PRECISION,
                delivered_at DOUBLE PRECISION,
                owner TEXT,
                lease_until DOUBLE PRECISION
            )""",
            "CREATE INDEX jobs_generation ON jobs(generation_id)",
            "CREATE INDEX jobs_created ON jobs(created_at)",
            "CREATE INDEX jobs_leases ON jobs(account, lease_until) WHERE owner IS NOT NULL",
            """CREATE TABLE tasks(
                id TEXT PRIMARY KEY,
                job_id TEXT NOT NULL REFERENCES jobs(id),
                created_at DOUBLE PRECISION NOT NULL,
                reused INTEGER NOT NULL,
                cancelled_at DOUBLE PRECISION
            )""",
        ),
    ),
    Step(
        additive=False,  # it is, but programs of schema 2 would take it again in a database that says 1
        statements=(
            "CREATE INDEX jobs_fingerprint ON jobs(fingerprint)",
            "ALTER TABLE tasks ADD COLUMN ended TEXT",
        ),
    ),
    Step(
        additive=True,
        statements=(
            "ALTER TABLE schema_version ADD COLUMN step INTEGER",
            "ALTER TABLE schema_version ADD COLUMN program TEXT",
            # The next two hold the order of a page, `_RANK` in jobs_table.py, without and with a state to look for.
            "CREATE INDEX jobs_page ON jobs((CASE WHEN state = 'unknown' THEN 1 ELSE 0 END), created_at, id)",
            "CREATE INDEX jobs_state ON jobs(state, (CASE WHEN state = 'unknown' THEN 1 ELSE 0 END), created_at, id)",
            """CREATE INDEX jobs_durations ON jobs(kind, finished_at)
                WHERE state = 'completed' AND fingerprint IS NOT NULL""",
            "CREATE INDEX tasks_job ON tasks(job_id)",  # Postgres looks for a job's tasks whenever it deletes a job
        ),
    ),
    Step(
        additive=True,
        statements=(
            "ALTER TABLE jobs ADD COLUMN orderers TEXT",  # JSON: callers who ordered it and have not been handed it
            "ALTER TABLE jobs ADD COLUMN shares_id INTEGER",
            "ALTER TABLE tasks ADD COLUMN caller TEXT",
        ),
    ),
)
