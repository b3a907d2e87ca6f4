\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM payments_reviewcase WHERE resolved_at IS NULL ORDER BY id DESC LIMIT 51;
