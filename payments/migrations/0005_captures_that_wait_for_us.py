from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_when_a_refund_was_sent")]

    operations = [
        migrations.AddField("payment", "capture_wanted_at", models.DateTimeField(null=True)),
        migrations.AddField("payment", "capture_count", models.PositiveIntegerField(default=0, db_default=0)),
    ]
