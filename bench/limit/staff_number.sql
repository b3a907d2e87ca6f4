\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT number FROM orders_order WHERE number = 'B' || lpad((:n)::text, 18, '0');
