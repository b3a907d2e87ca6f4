\set n :first + :client_id * :each + :step
\set step :step + 1
SELECT * FROM payments_refund refund JOIN payments_payment payment ON payment.id = refund.payment_id
JOIN payments_paymentintent intent ON intent.id = payment.intent_id
WHERE refund.state = 'requested' ORDER BY refund.id DESC LIMIT 51;
