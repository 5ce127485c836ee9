"""Searches of the audit trail that people save stand beside their views of the queue."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("console", "0010_told_of_canaries")]

    operations = [
        migrations.AddField(
            model_name="savedview",
            name="of",
            field=models.TextField(db_default="approvals", default="approvals"),
        ),
        migrations.RemoveConstraint(model_name="savedview", name="one_view_per_name"),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("user", "of", "name"), name="one_view_per_name"),
        ),
    ]
