\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM orders_order ORDER BY id DESC LIMIT 51;
