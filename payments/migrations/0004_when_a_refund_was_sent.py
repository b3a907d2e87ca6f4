from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_rights_and_days_of_the_desk")]

    operations = [
        migrations.AddField("refund", "sent_at", models.DateTimeField(null=True)),
        # Of those on their way it is known only that they were sent some time after their birth;
        # the later the safer: a refusal must not end what may still arrive.
        migrations.RunSQL(
            "UPDATE payments_refund SET sent_at = now() WHERE state IN ('sent', 'pending')",
            migrations.RunSQL.noop,
        ),
    ]
