\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT state, version FROM orders_order WHERE public_id = lpad((:n)::text, 24, '0');
