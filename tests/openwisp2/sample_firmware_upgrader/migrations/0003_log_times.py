"""When each part of an operation's log was stored."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sample_firmware_upgrader", "0002_default_group_permissions")]

    operations = [
        migrations.AddField(
            "upgradeoperation",
            "log_times",
            models.TextField(blank=True, default="", editable=False),
        ),
    ]
