\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT id, gateway, notification_id, kind, reference, received_at, result
FROM payments_notification ORDER BY id DESC LIMIT 51;
