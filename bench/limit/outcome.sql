\set n :first + :client_id * :each + :step
\set step :step + 1
BEGIN;
SELECT payment.id AS payment_id, order_reference FROM payments_payment payment
JOIN payments_paymentintent intent ON intent.id = payment.intent_id
WHERE reference = lpad((:n)::text, 26, '0') FOR UPDATE \gset
UPDATE payments_payment SET state = 'captured', role = 'settling', captured_minor = 1990,
    gateway_transaction_id = 'T' || reference, captured_currency = 'EUR', captured_at = now(),
    next_poll_at = NULL WHERE id = :payment_id;
UPDATE orders_order SET state = 'paid', paid_at = now(), next_close_at = NULL
WHERE number = :order_reference;
UPDATE orders_product SET stock_reserved = stock_reserved - 1, stock_sold = stock_sold + 1
WHERE id IN (SELECT product_id FROM orders_orderline line JOIN orders_order placed
    ON placed.id = line.order_id WHERE placed.number = :order_reference);
INSERT INTO shop_statechange (subject, subject_reference, order_reference, from_state, to_state,
    source, actor, reason, detail, at)
VALUES ('payment', lpad((:n)::text, 26, '0'), :order_reference, 'open', 'captured', 'poll', '', '', '{}', now());
COMMIT;
