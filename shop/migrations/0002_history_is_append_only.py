"""Refuse to change or delete a step of the history, whoever asks."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION shop_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON shop_statechange
    FOR EACH ROW EXECUTE FUNCTION shop_refuse_change();
CREATE TRIGGER staff_actions_are_append_only BEFORE UPDATE OR DELETE ON shop_staffaction
    FOR EACH ROW EXECUTE FUNCTION shop_refuse_change();
"""
BACKWARDS = """
DROP TRIGGER staff_actions_are_append_only ON shop_staffaction;
DROP TRIGGER history_is_append_only ON shop_statechange;
DROP FUNCTION shop_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_accounts_outbox_and_history")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
