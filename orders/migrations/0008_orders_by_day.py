import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    # Built beside a selling shop: no order waits for it.
    atomic = False
    dependencies = [
        ('orders', '0007_mails_push_and_credit_notes'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['placed_at'], name='orders_by_day', pages_per_range=32),
        ),
    ]
