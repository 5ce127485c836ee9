"""The six roles, as groups: an installation has them before it has people."""

from django.db import migrations

ROLES = ("viewer", "auditor", "reviewer", "prompt_manager", "operator", "admin")


def make_roles(apps, schema_editor):
    """Make each group that is not there yet."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for role in ROLES:
        groups.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
