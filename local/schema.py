"""The database's shape, versioned by PRAGMA user_version.

Times are epoch seconds, structured values JSON text. `executions` repeats its cue's account and transport and
its payload's task and agent, so that a listing of claimable work walks one partial index and touches no
finished row, however many there are.
"""

from __future__ import annotations

import sqlite3

OPEN = "status IN ('pending', 'retry_ready') AND transport = 'worker'"
"""What may be claimed once its time has come. Queries must repeat this text for SQLite to use the indexes."""
LIVE = "status IN ('pending', 'delivering', 'retrying', 'retry_ready')"
"""What has not ended. Queries must repeat this text, too."""

_UNCOUNT = """
        UPDATE ended SET n = n - 1 WHERE account = old.account AND cue IN (old.cue, '') AND status = old.status
            AND outcome_state = coalesce(old.outcome_state, '') AND claimed_by = coalesce(old.claimed_by, '');
"""

_MIGRATIONS = (
    f"""
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        email TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL
    );
    CREATE TABLE keys (
        hash TEXT PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        created_at REAL NOT NULL
    );
    CREATE TABLE workers (
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        worker_id TEXT NOT NULL,
        handlers TEXT,
        last_heartbeat REAL NOT NULL,
        registered_since REAL NOT NULL,
        PRIMARY KEY (account, worker_id)
    ) WITHOUT ROWID;
    CREATE TABLE cues (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        description TEXT,
        status TEXT NOT NULL DEFAULT 'active',
        transport TEXT NOT NULL,
        schedule_type TEXT NOT NULL,
        cron TEXT,
        at REAL,
        timezone TEXT NOT NULL,
        callback TEXT NOT NULL,
        payload TEXT NOT NULL,
        retry TEXT NOT NULL,
        on_failure TEXT NOT NULL,
        verification TEXT,
        next_run REAL,
        last_run REAL,
        run_count INTEGER NOT NULL DEFAULT 0,
        fired_count INTEGER NOT NULL DEFAULT 0,
        failure_streak INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        UNIQUE (account, name)
    );
    CREATE INDEX cues_due ON cues (next_run) WHERE status = 'active' AND next_run IS NOT NULL;
    CREATE TABLE executions (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        account INTEGER NOT NULL,
        cue TEXT NOT NULL REFERENCES cues (id) ON DELETE CASCADE,
        transport TEXT NOT NULL,
        task TEXT,
        agent TEXT,
        payload TEXT,
        status TEXT NOT NULL DEFAULT 'pending',
        scheduled_for REAL NOT NULL,
        triggered_by TEXT NOT NULL,
        replayed_from TEXT,
        idempotency_key TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        claimed_by TEXT,
        claimed_at REAL,
        started_at REAL,
        last_attempt_at REAL,
        delivered_at REAL,
        error_message TEXT,
        outcome TEXT,
        outcome_success INTEGER,
        outcome_state TEXT,
        outcome_reason TEXT,
        outcome_recorded_at REAL,
        evidence TEXT,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    );
    CREATE INDEX executions_open ON executions (account, scheduled_for, seq) WHERE {OPEN};
    CREATE INDEX executions_open_task ON executions (account, task, scheduled_for, seq) WHERE {OPEN};
    CREATE INDEX executions_pending ON executions (scheduled_for) WHERE status = 'pending';
    CREATE INDEX executions_delivering ON executions (updated_at) WHERE status = 'delivering';
    CREATE INDEX executions_retrying ON executions (updated_at) WHERE status = 'retrying';
    CREATE INDEX executions_of_cue ON executions (cue, created_at);
    CREATE INDEX executions_of_account ON executions (account, created_at, outcome_success);
    CREATE INDEX executions_by_status ON executions (account, status, created_at);
    CREATE UNIQUE INDEX executions_idempotent ON executions (cue, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    CREATE TABLE alerts (
        id TEXT PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        cue TEXT REFERENCES cues (id) ON DELETE CASCADE,
        execution TEXT,
        alert_type TEXT NOT NULL,
        severity TEXT NOT NULL,
        message TEXT NOT NULL,
        metadata TEXT,
        created_at REAL NOT NULL
    );
    CREATE INDEX alerts_of_account ON alerts (account, created_at);
    CREATE INDEX alerts_of_cue ON alerts (cue);
    """,
    f"""
    CREATE INDEX executions_live ON executions (account, cue) WHERE {LIVE};
    CREATE INDEX executions_by_outcome ON executions (account, outcome_state, created_at)
        WHERE outcome_state IS NOT NULL;
    CREATE INDEX executions_by_worker ON executions (account, claimed_by, created_at)
        WHERE claimed_by IS NOT NULL;
    DROP INDEX executions_of_account;
    CREATE INDEX executions_of_account ON executions (account, created_at);

    -- How many executions have ended, by all that a listing may ask for: counting a million takes too long.
    -- The rows of cue '' are the sums over all cues.
    CREATE TABLE ended (
        account INTEGER NOT NULL,
        cue TEXT NOT NULL,
        status TEXT NOT NULL,
        outcome_state TEXT NOT NULL,
        claimed_by TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (account, cue, status, outcome_state, claimed_by)
    ) WITHOUT ROWID;
    INSERT INTO ended
        SELECT account, c, status, coalesce(outcome_state, ''), coalesce(claimed_by, ''), count(*)
        FROM (SELECT *, cue AS c FROM executions UNION ALL SELECT *, '' FROM executions)
        WHERE NOT {LIVE} GROUP BY 1, 2, 3, 4, 5;
    CREATE TRIGGER execution_counted AFTER UPDATE OF status, outcome_state, claimed_by ON executions
        WHEN NOT new.{LIVE} BEGIN
        INSERT INTO ended VALUES
            (new.account, new.cue, new.status, coalesce(new.outcome_state, ''), coalesce(new.claimed_by, ''), 1),
            (new.account, '', new.status, coalesce(new.outcome_state, ''), coalesce(new.claimed_by, ''), 1)
            ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER execution_changed AFTER UPDATE OF status, outcome_state, claimed_by ON executions
        WHEN NOT old.{LIVE} BEGIN {_UNCOUNT} END;
    CREATE TRIGGER execution_deleted AFTER DELETE ON executions WHEN NOT old.{LIVE} BEGIN {_UNCOUNT} END;

    -- A month's usage stays what it was when cues and old executions are deleted.
    CREATE TABLE usage (
        account INTEGER NOT NULL,
        month TEXT NOT NULL,
        executions INTEGER NOT NULL,
        succeeded INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        PRIMARY KEY (account, month)
    ) WITHOUT ROWID;
    INSERT INTO usage
        SELECT account, strftime('%Y-%m', created_at, 'unixepoch'), count(*),
            coalesce(sum(outcome_success), 0), coalesce(sum(NOT outcome_success), 0)
        FROM executions GROUP BY 1, 2;
    CREATE TRIGGER usage_made AFTER INSERT ON executions BEGIN
        INSERT INTO usage VALUES (new.account, strftime('%Y-%m', new.created_at, 'unixepoch'), 1, 0, 0)
            ON CONFLICT DO UPDATE SET executions = executions + 1;
    END;
    CREATE TRIGGER usage_reported AFTER UPDATE OF outcome_success ON executions
        WHEN old.outcome_success IS NULL AND new.outcome_success IS NOT NULL BEGIN
        UPDATE usage SET succeeded = succeeded + new.outcome_success, failed = failed + NOT new.outcome_success
            WHERE account = new.account AND month = strftime('%Y-%m', new.created_at, 'unixepoch');
    END;
    """,  # noqa: S608
    """
    ALTER TABLE keys ADD COLUMN id TEXT;
    ALTER TABLE keys ADD COLUMN label TEXT NOT NULL DEFAULT '';
    ALTER TABLE keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';
    ALTER TABLE keys ADD COLUMN last_used REAL;
    ALTER TABLE keys ADD COLUMN ended_at REAL;
    ALTER TABLE keys ADD COLUMN ended TEXT;
    UPDATE keys SET id = 'key_' || lower(hex(randomblob(6)));
    CREATE UNIQUE INDEX keys_id ON keys (id);
    CREATE TABLE logins (
        code TEXT PRIMARY KEY,
        device_hash TEXT NOT NULL UNIQUE,
        email TEXT,
        state TEXT NOT NULL,
        account INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
        asked_at REAL NOT NULL,
        expires_at REAL NOT NULL
    );
    """,
)


class UnknownSchema(Exception):
    """The database was written by a newer version of this program."""


def migrate(db: sqlite3.Connection, *, upto: int = len(_MIGRATIONS)) -> None:
    """Brings the database to this program's schema, or to an older one, each step in one transaction.

    Raises UnknownSchema for a database of a newer program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise UnknownSchema(f"the database has schema {version}, this program knows up to {len(_MIGRATIONS)}")
    for number, step in enumerate(_MIGRATIONS[version:upto], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")
