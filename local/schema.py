"""The database's shape, versioned by PRAGMA user_version.

Times are epoch seconds, structured values JSON text. `executions` repeats its cue's account and transport and
its payload's task and agent, so that a listing of claimable work walks one partial index and touches no
finished row, however many there are.
"""

from __future__ import annotations

import sqlite3

OPEN = "status IN ('pending', 'retry_ready') AND transport = 'worker'"
"""What may be claimed once its time has come. Queries must repeat this text for SQLite to use the indexes."""

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


def migrate(db: sqlite3.Connection) -> None:
    """Brings the database to this program's schema, each step in one transaction.

    Raises UnknownSchema for a database of a newer program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise UnknownSchema(f"the database has schema {version}, this program knows up to {len(_MIGRATIONS)}")
    for number, step in enumerate(_MIGRATIONS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")
