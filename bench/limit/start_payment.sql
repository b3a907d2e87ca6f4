\set n :first + :client_id * :each + :step
\set step :step + 1
BEGIN;
SELECT id AS order_id, number AS order_number FROM orders_order
WHERE public_id = lpad((:n)::text, 24, '0') FOR UPDATE \gset
INSERT INTO payments_paymentintent (order_reference, amount_minor, currency, created_at, version)
VALUES (:order_number, 1990, 'EUR', now(), 1) RETURNING id AS intent_id \gset
INSERT INTO payments_payment (intent_id, reference, gateway, method, amount_minor, currency, state,
    role, born_version, request, created_at, expires_at, note, send_count, poll_count, last_error,
    captured_minor, captured_currency, refunded_minor, refund_pending_minor)
VALUES (:intent_id, lpad((:n)::text, 26, '0'), 'sandbox', 'qr', 1990, 'EUR', 'created', 'live', 1, '{}',
    now(), now() + interval '15 minutes', '', 1, 0, '', 0, '', 0, 0) RETURNING id AS payment_id \gset
UPDATE orders_order SET state = 'paying', paying_since = now() WHERE id = :order_id;
COMMIT;
UPDATE payments_payment SET state = 'open', gateway_order_id = 'G' || reference,
    presentation = '{"kind": "qr", "payload": "bench"}' WHERE id = :payment_id;
