-- A ledger as the first version left it: one payment, paid.
CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    merchant TEXT NOT NULL,
    reference TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('qr', 'redirect', 'card')),
    state TEXT NOT NULL CHECK (state IN ('open', 'paid', 'declined', 'closed')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    order_reference TEXT NOT NULL,  -- the merchant's own word, told back
    subject TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    notify_url TEXT NOT NULL,
    return_url TEXT NOT NULL,
    locale TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    last_decline TEXT,
    busy_until REAL,   -- a card challenge is running: neither closable nor expiring
    settles_at REAL    -- money is on its way from the bank page
);
CREATE INDEX IF NOT EXISTS payments_by_reference ON payments (reference);
CREATE INDEX IF NOT EXISTS payments_by_key ON payments (idempotency_key);
CREATE INDEX IF NOT EXISTS open_payments ON payments (expires_at) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS closed_before_seen (reference TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS captures (
    transaction_id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE REFERENCES payments (id),  -- one payment is paid once
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    paid_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS captures_by_reference ON captures (reference);
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    payment_reference TEXT NOT NULL,
    transaction_id TEXT NOT NULL REFERENCES captures (transaction_id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    created_at REAL NOT NULL,
    next_state TEXT,
    next_at REAL
);
CREATE INDEX IF NOT EXISTS refunds_by_payment ON refunds (payment_reference);
CREATE INDEX IF NOT EXISTS refunds_by_transaction ON refunds (transaction_id);
CREATE INDEX IF NOT EXISTS ripening_refunds ON refunds (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS movements (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
    reference TEXT NOT NULL,
    refund_reference TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    fee_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at REAL NOT NULL,
    returned_at REAL   -- a refund that came back: the money never left after all
);
CREATE INDEX IF NOT EXISTS movements_by_reference ON movements (reference);
CREATE INDEX IF NOT EXISTS movements_by_day ON movements (at);
CREATE TABLE IF NOT EXISTS notifications (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    reference TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    forged INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    due_at REAL,       -- NULL: acknowledged, lost or given up
    tries INTEGER NOT NULL DEFAULT 0,
    last_answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS due_notifications ON notifications (due_at) WHERE due_at IS NOT NULL;
INSERT INTO payments (id, merchant, reference, idempotency_key, fingerprint, method, state,
    amount_minor, currency, order_reference, subject, created_at, expires_at, notify_url,
    return_url, locale, token)
VALUES ('pay_1', 'payonce-demo', 'REF-000001', 'key', 'print', 'qr', 'paid', 2500, 'EUR', 'P-1',
    'Order', 1, 2, 'http://127.0.0.1/n', 'http://127.0.0.1/r', 'en', 'token');
INSERT INTO captures VALUES ('txn_1', 'pay_1', 'REF-000001', 2500, 'EUR', 1);
INSERT INTO movements (kind, reference, refund_reference, transaction_id, amount_minor, fee_minor,
    currency, at) VALUES ('charge', 'REF-000001', '', 'txn_1', 2500, 62, 'EUR', 1);
PRAGMA user_version = 1;
