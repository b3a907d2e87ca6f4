from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Built beside a selling shop: no order waits for it.
    atomic = False
    dependencies = [
        ('orders', '0009_send_the_link_again'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(fields=['state', '-id'], name='orders_that_ended', condition=models.Q(('state__in', ('cancelled', 'refunded')))),
        ),
    ]
