"""Placed lines, stock movements and invoices never change; an order's total never does."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION orders_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is frozen: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""

FREEZE_ROWS = "".join(
    f"CREATE TRIGGER {table}_is_frozen BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();\n"
    for table in ("orders_orderline", "orders_stockmovement", "orders_invoice")
)

# Only columns of the agreement: the WHEN clause costs nothing when a state moves.
FREEZE_ORDER = """
CREATE TRIGGER orders_order_is_never_deleted BEFORE DELETE ON orders_order
    FOR EACH ROW EXECUTE FUNCTION orders_refuse_change();
CREATE TRIGGER orders_order_agreement_is_frozen BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN ((OLD.number, OLD.public_id, OLD.currency, OLD.total_minor, OLD.tax_minor,
           OLD.delivery_minor, OLD.delivery_code, OLD.submission, OLD.placed_at)
          IS DISTINCT FROM
          (NEW.number, NEW.public_id, NEW.currency, NEW.total_minor, NEW.tax_minor,
           NEW.delivery_minor, NEW.delivery_code, NEW.submission, NEW.placed_at))
    EXECUTE FUNCTION orders_refuse_change();
"""

THAW = "".join(
    f"DROP TRIGGER {table}_is_frozen ON {table};\n"
    for table in ("orders_orderline", "orders_stockmovement", "orders_invoice")
) + (
    "DROP TRIGGER orders_order_agreement_is_frozen ON orders_order;\n"
    "DROP TRIGGER orders_order_is_never_deleted ON orders_order;\n"
    "DROP FUNCTION orders_refuse_change();"
)


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_invoices")]

    operations = [migrations.RunSQL(sql=REFUSE + FREEZE_ROWS + FREEZE_ORDER, reverse_sql=THAW)]
