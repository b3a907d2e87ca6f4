-- Every statement returns the violations of one invariant: (subject, detail). No row is good.
-- `movement` is what the gateways' own statements say, loaded by shop/audit/ledger.py; nothing
-- of it comes from our tables. Amounts are in minor units.
--
--   audited   orders placed since the audit's first day
--   at_rest   of these, the ones with nothing under way: no attempt unsettled, no refund
--             outstanding, no fact undelivered; only they must already add up
--
-- Each statement finds what no other finds, so that one fault turns one line red.

-- setup
CREATE TEMP VIEW audited AS
    SELECT o.*, i.id AS intent_id FROM orders_order o
    LEFT JOIN payments_paymentintent i ON i.order_reference = o.number
    WHERE o.placed_at >= (SELECT min(day) FROM audit_span);
CREATE TEMP VIEW at_rest AS
    SELECT a.* FROM audited a
    WHERE NOT EXISTS (SELECT FROM payments_payment p WHERE p.intent_id = a.intent_id
            AND p.state IN ('created', 'open', 'unknown', 'superseded'))
        AND NOT EXISTS (SELECT FROM payments_refund r JOIN payments_payment p
            ON p.id = r.payment_id WHERE p.intent_id = a.intent_id
            AND r.state IN ('requested', 'approved', 'sent', 'pending'))
        AND NOT EXISTS (SELECT FROM shop_outboxmessage m
            WHERE m.order_reference = a.number AND m.done_at IS NULL);
CREATE TEMP VIEW net AS
    SELECT a.number, sum(CASE m.kind WHEN 'charge' THEN m.amount_minor ELSE -m.amount_minor END)
            AS net_minor
    FROM audited a
    JOIN payments_payment p ON p.intent_id = a.intent_id AND p.same_attempt_as_id IS NULL
    JOIN movement m ON m.gateway = p.gateway AND m.reference = p.reference
        AND m.currency = a.currency
    GROUP BY a.number;
CREATE TEMP VIEW returned AS
    SELECT p.intent_id, sum(r.amount_minor) AS returned_minor
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.state = 'done' AND p.role = 'settling' GROUP BY p.intent_id;

-- I1 nobody is charged more than the order's total
SELECT a.number, format('holds %s of %s', n.net_minor, a.total_minor)
FROM at_rest a JOIN net n USING (number) WHERE n.net_minor > a.total_minor;

-- I2 no payment is lost: money held means a paid order
SELECT a.number, format('holds %s, is %s', n.net_minor, a.state)
FROM at_rest a JOIN net n USING (number)
WHERE n.net_minor > 0 AND n.net_minor <= a.total_minor AND a.state NOT IN ('paid', 'refunded');

-- I3 paid means that the money is there, exactly
SELECT a.number, format('holds %s, should hold %s', coalesce(n.net_minor, 0),
        a.total_minor - coalesce(r.returned_minor, 0))
FROM at_rest a LEFT JOIN net n USING (number) LEFT JOIN returned r USING (intent_id)
WHERE a.state = 'paid' AND coalesce(n.net_minor, 0) <= a.total_minor
    AND coalesce(n.net_minor, 0) <> a.total_minor - coalesce(r.returned_minor, 0);

-- I4 every capture has its attempt
SELECT m.reference, format('%s %s without a payment', m.amount_minor, m.currency)
FROM movement m LEFT JOIN payments_payment p
    ON p.gateway = m.gateway AND p.reference = m.reference
WHERE m.kind = 'charge' AND p.id IS NULL;

-- I5 and an attempt says so: the transaction is booked as captured or surplus
SELECT m.reference, format('transaction %s is not booked', m.transaction_id)
FROM movement m
JOIN payments_payment p ON p.gateway = m.gateway AND p.reference = m.reference
JOIN at_rest a ON a.intent_id = p.intent_id
WHERE m.kind = 'charge' AND NOT EXISTS (
    SELECT FROM payments_payment b WHERE b.gateway = m.gateway
        AND b.gateway_transaction_id = m.transaction_id AND b.state IN ('captured', 'surplus'));

-- I6 no phantom: what we booked was charged, to the minor unit
SELECT p.reference, format('booked %s %s, charged %s %s', p.captured_minor, p.captured_currency,
        coalesce(m.amount_minor::text, 'nothing'), coalesce(m.currency, ''))
FROM payments_payment p
JOIN audited a ON a.intent_id = p.intent_id
LEFT JOIN payments_payment first ON first.id = p.same_attempt_as_id
LEFT JOIN movement m ON m.kind = 'charge' AND m.gateway = p.gateway
    AND m.transaction_id = p.gateway_transaction_id
WHERE p.state IN ('captured', 'surplus')
    AND (m.amount_minor, m.currency, m.reference)
        IS DISTINCT FROM (p.captured_minor, p.captured_currency,
            coalesce(first.reference, p.reference));

-- I7 one settling payment per paid order, at most one otherwise, and it never changes
SELECT a.number, format('is %s with %s settling payments, settled %s times', a.state,
        count(DISTINCT p.id), count(h.id))
FROM audited a
LEFT JOIN payments_payment p ON p.intent_id = a.intent_id AND p.role = 'settling'
LEFT JOIN shop_statechange h ON h.order_reference = a.number AND h.subject = 'payment'
    AND h.to_state = 'captured'
GROUP BY a.number, a.state
HAVING count(DISTINCT p.id) > 1 OR count(DISTINCT h.id) <> count(DISTINCT p.id)
    OR (a.state IN ('paid', 'refunded') AND count(DISTINCT p.id) <> 1);

-- I8 at most one live attempt, and none beside a settling one
SELECT a.number, format('%s live or settling payments', count(*))
FROM audited a JOIN payments_payment p ON p.intent_id = a.intent_id
WHERE p.role IN ('live', 'settling') OR p.state IN ('created', 'open', 'unknown')
GROUP BY a.number HAVING count(*) > 1;

-- I9 refunds done here are refunds done there, payment by payment
SELECT p.reference, format('%s returned here, %s there', p.refunded_minor,
        coalesce(sum(m.amount_minor), 0))
FROM payments_payment p
JOIN at_rest a ON a.intent_id = p.intent_id
LEFT JOIN movement m ON m.kind = 'refund' AND m.gateway = p.gateway
    AND m.transaction_id = p.gateway_transaction_id
WHERE p.state IN ('captured', 'surplus')
GROUP BY p.id
HAVING p.refunded_minor - (SELECT coalesce(sum(r.amount_minor), 0) FROM payments_refund r
        WHERE r.payment_id = p.id AND r.kind = 'manual' AND r.state = 'done')
    <> coalesce(sum(m.amount_minor), 0);

-- I10 never more refunded than captured, and the sums are the rows'
SELECT p.reference, format('captured %s, refunded %s, pending %s, rows %s and %s',
        p.captured_minor, p.refunded_minor, p.refund_pending_minor,
        coalesce(sum(r.amount_minor) FILTER (WHERE r.state = 'done'), 0),
        coalesce(sum(r.amount_minor) FILTER (WHERE r.state NOT IN ('done', 'failed')), 0))
FROM payments_payment p JOIN audited a ON a.intent_id = p.intent_id
LEFT JOIN payments_refund r ON r.payment_id = p.id
GROUP BY p.id
HAVING p.refunded_minor + p.refund_pending_minor > p.captured_minor
    OR p.refunded_minor <> coalesce(sum(r.amount_minor) FILTER (WHERE r.state = 'done'), 0)
    OR p.refund_pending_minor
        <> coalesce(sum(r.amount_minor) FILTER (WHERE r.state NOT IN ('done', 'failed')), 0);

-- I11 every surplus is back in full, or a person has it on the desk
SELECT p.reference, format('%s of %s returned', p.refunded_minor, p.captured_minor)
FROM payments_payment p JOIN at_rest a ON a.intent_id = p.intent_id
WHERE p.state = 'surplus' AND p.refunded_minor <> p.captured_minor
    AND NOT EXISTS (SELECT FROM payments_reviewcase c
        LEFT JOIN payments_refund r ON r.reference = c.subject
        WHERE c.resolved_at IS NULL AND (c.subject = p.reference OR r.payment_id = p.id));

-- I12 no automatic refund touches the settling capture of an order that is or was paid
SELECT r.reference, format('%s refund of a paid order', r.kind)
FROM payments_refund r
JOIN payments_payment p ON p.id = r.payment_id AND p.role = 'settling'
JOIN audited a ON a.intent_id = p.intent_id
WHERE r.kind = 'surplus' OR (r.kind = 'returned' AND EXISTS (
    SELECT FROM shop_statechange h WHERE h.subject = 'order'
        AND h.order_reference = a.number AND h.to_state = 'paid'));

-- I13 nothing is unfinished (only with --all-at-rest)
SELECT a.number, format('is %s with something under way', a.state)
FROM audited a
WHERE a.state = 'paying' OR NOT EXISTS (SELECT FROM at_rest r WHERE r.number = a.number);

-- I14 refunded means that everything went back
SELECT a.number, format('still holds %s', n.net_minor)
FROM at_rest a JOIN net n USING (number) WHERE a.state = 'refunded' AND n.net_minor <> 0 AND n.net_minor <= a.total_minor;

-- I15 orders move along the arrows, one step of history for each
WITH steps AS (
    SELECT h.order_reference, h.from_state, h.to_state,
        lag(h.to_state, 1, '') OVER (PARTITION BY h.order_reference ORDER BY h.id) AS before,
        lead(h.id) OVER (PARTITION BY h.order_reference ORDER BY h.id) IS NULL AS last
    FROM shop_statechange h WHERE h.subject = 'order')
SELECT s.order_reference, format('%s to %s after %s', s.from_state, s.to_state, s.before)
FROM steps s JOIN audited a ON a.number = s.order_reference
WHERE s.before <> s.from_state OR (s.last AND s.to_state <> a.state)
    OR (s.from_state, s.to_state) NOT IN (
        ('', 'unpaid'), ('unpaid', 'paying'), ('paying', 'paid'), ('paid', 'refunded'),
        ('paying', 'unpaid'),
        ('unpaid', 'cancelled'), ('paying', 'cancelled'), ('unpaid', 'paid'),
        ('cancelled', 'paid'), ('refunded', 'paid'))
UNION ALL
SELECT a.number, format('is %s without any history', a.state) FROM audited a
WHERE NOT EXISTS (
    SELECT FROM shop_statechange h WHERE h.subject = 'order' AND h.order_reference = a.number);

-- I16 stock adds up, and each line moved each way once
SELECT p.sku, format('initial %s, free %s, reserved %s, sold %s', p.stock_initial, p.stock_free,
        p.stock_reserved, p.stock_sold)
FROM orders_product p
WHERE p.stock_free < 0 OR p.stock_initial <> p.stock_free + p.stock_reserved + p.stock_sold
UNION ALL
SELECT a.number, format('is %s, line %s moved %s', a.state, l.id,
        coalesce(string_agg(m.kind, ', ' ORDER BY m.id), 'never'))
FROM audited a JOIN orders_orderline l ON l.order_id = a.id
LEFT JOIN orders_stockmovement m ON m.line_id = l.id
GROUP BY a.id, a.number, a.state, l.id
HAVING count(*) FILTER (WHERE m.kind = 'reserve') <> 1
    OR (a.state IN ('paid', 'refunded')
        AND count(*) FILTER (WHERE m.kind IN ('sell', 'retake')) <> 1)
    OR (a.state = 'cancelled' AND count(*) FILTER (WHERE m.kind = 'release') <> 1);

-- I17 a paid order is told once and invoiced once
SELECT a.number, format('is %s with %s invoices and %s notices of payment', a.state,
        (SELECT count(*) FROM orders_invoice v WHERE v.order_id = a.id), count(m.id))
FROM at_rest a LEFT JOIN shop_outboxmessage m ON m.topic = 'OrderPaid'
    AND m.order_reference = a.number AND m.subscriber = 'orders.subscribers.issue_invoice'
GROUP BY a.id, a.number, a.state
HAVING count(m.id) <> (a.state IN ('paid', 'refunded'))::int
    OR (SELECT count(*) FROM orders_invoice v WHERE v.order_id = a.id)
        <> (a.state IN ('paid', 'refunded'))::int;

-- I18 every accepted notification is kept whole, and is processed or due
SELECT format('%s %s', n.gateway, n.notification_id), 'lost its body or its next try'
FROM payments_notification n
-- `manage.py purge` empties bodies of processed ones after a day at the earliest.
WHERE (length(n.body) = 0 AND (n.processed_at IS NULL OR n.received_at > now() - interval '1 day'))
    OR (n.processed_at IS NULL AND n.next_try_at IS NULL);

-- I19 a key is one attempt, one amount, one order
SELECT p.reference, 'its stored request names another reference, amount or order'
FROM payments_payment p JOIN audited a ON a.intent_id = p.intent_id
WHERE p.request <> '{}'::jsonb
    AND ((p.request ->> 'reference') <> p.reference
        OR (p.request ->> 'amount_minor')::bigint <> a.total_minor
        OR (p.request ->> 'currency') <> a.currency
        OR (p.request ->> 'order_reference') <> a.number);

-- I20 the gateway's total of a day is ours, capture by capture
WITH booked AS (
    SELECT m.gateway, m.currency, m.at AS there_at, p.captured_at AS here_at, m.amount_minor
    FROM movement m JOIN payments_payment p ON p.gateway = m.gateway
        AND p.gateway_transaction_id = m.transaction_id
    WHERE m.kind = 'charge'),
days AS (
    SELECT gateway, currency, (there_at AT TIME ZONE 'UTC')::date AS day, amount_minor AS there,
        0 AS here
    FROM booked
    UNION ALL
    SELECT gateway, currency, (here_at AT TIME ZONE 'UTC')::date, 0, amount_minor FROM booked)
SELECT format('%s %s %s', gateway, currency, day),
    format('%s there, %s here', sum(there), sum(here))
FROM days GROUP BY gateway, currency, day HAVING sum(there) <> sum(here);
