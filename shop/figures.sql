-- One row of figures for /metrics, each read from a small partial index: what is open, not
-- what ever was. Ages are seconds since the oldest.
SELECT
    (SELECT count(*) FROM payments_payment
        WHERE state = 'unknown') AS in_doubt,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM payments_payment
        WHERE state = 'unknown') AS in_doubt_age,
    (SELECT count(*) FROM payments_payment
        WHERE next_poll_at < now() - interval '30 seconds') AS polls_overdue,
    (SELECT count(*) FROM shop_outboxmessage WHERE done_at IS NULL) AS outbox,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM shop_outboxmessage
        WHERE done_at IS NULL) AS outbox_age,
    (SELECT count(*) FROM shop_outboxmessage
        WHERE done_at IS NULL AND stuck_at IS NOT NULL) AS outbox_stuck,
    (SELECT count(*) FROM payments_notification WHERE processed_at IS NULL) AS callbacks_waiting,
    (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM payments_notification
        WHERE processed_at IS NULL) AS callback_lag,
    (SELECT count(*) FROM payments_refund WHERE next_poll_at IS NOT NULL) AS refunds_pending,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM payments_refund
        WHERE next_poll_at IS NOT NULL) AS refunds_pending_age,
    (SELECT count(*) FROM payments_refund WHERE state = 'requested') AS refunds_waiting,
    (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM payments_refund
        WHERE state = 'requested') AS refunds_waiting_age,
    (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock') AS lock_waits,
    (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)
        FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock') AS lock_wait_age,
    (SELECT extract(epoch FROM now() - max(beaten_at)) FROM shop_heartbeat
        WHERE name = 'beat') AS beat_age
