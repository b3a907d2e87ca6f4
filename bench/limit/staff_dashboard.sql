\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT method, state, count(*) FROM payments_payment
WHERE created_at >= now() - interval '28 days' GROUP BY 1, 2;
