"""When each part of an operation's log was stored."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("firmware_upgrader", "0018_engine")]

    operations = [
        migrations.AddField(
            "upgradeoperation",
            "log_times",
            models.TextField(blank=True, default="", editable=False),
        ),
    ]
