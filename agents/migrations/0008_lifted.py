"""Refusals that a person lifted, so that an agent may ask again: nearly no session has any."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column more, without a value in nearly every row."""

    dependencies = (("agents", "0007_one_approval_one_execution"),)

    operations = (migrations.AddField(model_name="session", name="lifted", field=models.JSONField(null=True)),)
