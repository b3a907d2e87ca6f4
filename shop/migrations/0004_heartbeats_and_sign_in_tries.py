"""What operators watch, and guesses at the sign-in while Redis is away."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_find_a_key")]
    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20, unique=True)),
                ("beaten_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SignInTries",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("tries", models.PositiveIntegerField()),
                ("window_ends_at", models.DateTimeField()),
            ],
        ),
    ]
