-- A ledger as version 0.1.0 wrote it: one finished job.
BEGIN TRANSACTION;
CREATE TABLE jobs(
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
        );
INSERT INTO "jobs" VALUES('job_00000000000000000001','e120ebecab4126d1b688591fa48b0fe1f1f55e6009a1cce3439e20824a46cd2d','e120ebecab4126d1b688591fa48b0fe1f1f55e6009a1cce3439e20824a46cd2d','aimlapi-test','aimlapi','google/veo-3.1-t2v-fast','aimlapi google/veo-3.1-t2v-fast 8s 1080p sound','{"prompt":"A lighthouse"}','completed','gen-1:google/veo','https://cdn.example/output.mp4','{"path": "/videos/a.mp4", "size_bytes": 1, "sha256": "00", "duration_seconds": 8.0, "width": 1920, "height": 1080, "fps": 24.0, "has_audio": true, "loudness_lufs": -18.0, "sound": "\u221218 LUFS"}',NULL,'[]','',1.56,1.56,1795435201.0,1795435200.0,1795435270.0,NULL,NULL,NULL);
CREATE TABLE schema_version(version INTEGER NOT NULL);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE tasks(
            id TEXT PRIMARY KEY,
            job_id TEXT NOT NULL REFERENCES jobs(id),
            created_at DOUBLE PRECISION NOT NULL,
            reused INTEGER NOT NULL,
            cancelled_at DOUBLE PRECISION
        );
CREATE INDEX jobs_generation ON jobs(generation_id);
CREATE INDEX jobs_created ON jobs(created_at);
CREATE INDEX jobs_leases ON jobs(account, lease_until) WHERE owner IS NOT NULL;
COMMIT;
