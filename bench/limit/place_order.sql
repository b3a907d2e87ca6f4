\set n :first + :client_id * :each + :step
\set step :step + 1
BEGIN;
UPDATE orders_product SET stock_free = stock_free - 1, stock_reserved = stock_reserved + 1
WHERE id = 1000000 + :n % 1000 AND stock_free >= 1;
INSERT INTO orders_order (number, public_id, state, version, email, locale, currency, total_minor,
    tax_minor, delivery_code, delivery_title, delivery_minor, address, lines_fingerprint, placed_at,
    expires_at, cancel_reason, next_close_at, close_tries, check_tries, last_error)
VALUES ('B' || lpad((:n)::text, 18, '0'), lpad((:n)::text, 24, '0'), 'unpaid', 1, 'limit@example.com', 'en',
    'EUR', 1990, 0, '', '', 0, '{}', '', now(), now() + interval '1 hour', '',
    now() + interval '1 hour', 0, 0, '') RETURNING id AS order_id \gset
INSERT INTO orders_orderline (order_id, product_id, sku, title, quantity, unit_price_minor,
    tax_basis_points, tax_minor, total_minor)
VALUES (:order_id, 1000000 + :n % 1000, 'BENCH', 'Bench', 1, 1990, 0, 0, 1990);
COMMIT;
