from django.db import migrations

from openwisp_firmware_upgrader.migrations import create_permissions_for_default_groups


def grant(apps, schema_editor):
    create_permissions_for_default_groups(
        apps, schema_editor, app_label="sample_firmware_upgrader"
    )


class Migration(migrations.Migration):
    dependencies = [("sample_firmware_upgrader", "0001_initial")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
