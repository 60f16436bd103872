-- A ledger as version 0.1.0 wrote it in the end: one finished and delivered job with its task, one under way.
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
INSERT INTO "jobs" VALUES('job_00000000000000000001',NULL,'4da8d3ff2d2ddb5785d5152e20315c26df847f54cacf29561e28ef7f82be9f28','aimlapi-test','aimlapi','google/veo-3.1-t2v-fast','aimlapi google/veo-3.1-t2v-fast 8s 1080p sound','{"prompt":"A lighthouse at dawn 1"}','completed','gen-1:google/veo','https://cdn.example/output.mp4','{"path": "/videos/a.mp4", "size_bytes": 1, "sha256": "00", "duration_seconds": 8.0, "width": 1920, "height": 1080, "fps": 24.0, "has_audio": true, "loudness_lufs": -18.0}',NULL,'[]','',1.56,1.56,1795435201.0,1795435200.0,1795435270.0,1795435280.0,NULL,NULL);
INSERT INTO "jobs" VALUES('job_00000000000000000002','b4ee04612f63c25ce7af9fd98d50e82d79e2d99641335f7ff184db4b9dace6c3','b4ee04612f63c25ce7af9fd98d50e82d79e2d99641335f7ff184db4b9dace6c3','aimlapi-test','aimlapi','google/veo-3.1-t2v-fast','aimlapi google/veo-3.1-t2v-fast 8s 1080p sound','{"prompt":"A lighthouse at dawn 2"}','queued','gen-2:google/veo',NULL,NULL,NULL,'[]','',1.56,NULL,1795435202.0,1795435200.0,NULL,NULL,'gone',1795435220.0);
CREATE TABLE schema_version(version INTEGER NOT NULL);
INSERT INTO "schema_version" VALUES(2);
CREATE TABLE tasks(
            id TEXT PRIMARY KEY,
            job_id TEXT NOT NULL REFERENCES jobs(id),
            created_at DOUBLE PRECISION NOT NULL,
            reused INTEGER NOT NULL,
            cancelled_at DOUBLE PRECISION
        , ended TEXT);
INSERT INTO "tasks" VALUES('task-1','job_00000000000000000001',1795435200.0,0,NULL,NULL);
CREATE INDEX jobs_generation ON jobs(generation_id);
CREATE INDEX jobs_created ON jobs(created_at);
CREATE INDEX jobs_leases ON jobs(account, lease_until) WHERE owner IS NOT NULL;
CREATE INDEX jobs_fingerprint ON jobs(fingerprint);
COMMIT;
