"""Calls are found by their session, whose repeats are told apart in memory: a hash in the index only swells it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A smaller index."""

    dependencies = (("agents", "0005_measures"),)

    operations = (
        migrations.RemoveIndex(model_name="toolcall", name="call_repeats"),
        migrations.AddIndex(model_name="toolcall", index=models.Index(fields=["session"], name="call_of_session")),
    )
