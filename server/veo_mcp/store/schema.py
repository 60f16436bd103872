"""The schema, as the list of steps that led to it: step N turns schema N into schema N + 1. Never edit a released step.

Times are seconds since 1970.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
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
    (
        "CREATE INDEX jobs_fingerprint ON jobs(fingerprint)",
        "ALTER TABLE tasks ADD COLUMN ended TEXT",
    ),
)
