from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built beside a selling shop: no payment waits for it.
    atomic = False
    dependencies = [
        ('payments', '0005_captures_that_wait_for_us'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='payment',
            index=models.Index(fields=['state', '-id'], name='payments_not_captured', condition=models.Q(('state', 'captured'), _negated=True)),
        ),
    ]
