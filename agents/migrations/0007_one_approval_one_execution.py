"""The same rule in a smaller index: calls that needed no approval are not in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One approval, one execution."""

    dependencies = (("agents", "0006_calls_of_session"),)

    operations = (
        migrations.RemoveConstraint(model_name="toolcall", name="approval_consumed_by_one_call"),
        migrations.AddConstraint(
            model_name="toolcall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("consumed_id__isnull", False)), fields=("consumed_id",), name="approval_consumed_by_one_call"
            ),
        ),
    )
