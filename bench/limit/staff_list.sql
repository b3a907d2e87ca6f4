\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM payments_payment payment JOIN payments_paymentintent intent
ON intent.id = payment.intent_id ORDER BY payment.id DESC LIMIT 51;
