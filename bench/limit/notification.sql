\set n :first + :client_id * :each + :step
\set step :step + 1
INSERT INTO payments_notification (gateway, notification_id, kind, reference, refund_reference,
    body, received_at, tries, next_try_at, last_error, result)
VALUES ('sandbox', 'limit-' || :n, 'payment.paid', lpad((:n)::text, 26, '0'), '',
    convert_to(repeat('x', 200), 'UTF8'), now(), 0, now(), '', '')
ON CONFLICT (gateway, notification_id) DO NOTHING RETURNING id;
