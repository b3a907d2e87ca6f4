\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM orders_order WHERE upper(email) = 'SHOPPER' || ((:n)::bigint - 1) / 10 || '@EXAMPLE.COM'
ORDER BY id DESC LIMIT 51;
