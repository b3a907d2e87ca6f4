\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM orders_order WHERE number = 'B' || lpad((:n)::text, 18, '0');
SELECT * FROM orders_orderline line JOIN orders_order placed ON placed.id = line.order_id
WHERE placed.number = 'B' || lpad((:n)::text, 18, '0');
SELECT * FROM payments_payment payment JOIN payments_paymentintent intent
ON intent.id = payment.intent_id LEFT JOIN payments_refund refund ON refund.payment_id = payment.id
WHERE intent.order_reference = 'B' || lpad((:n)::text, 18, '0');
SELECT * FROM shop_statechange WHERE order_reference = 'B' || lpad((:n)::text, 18, '0');
