"""The requests for a prompt version's release, which are few, by that version."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One partial index more: no other request is in it."""

    dependencies = [("approvals", "0013_break_glass")]

    operations = [
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(
                condition=models.Q(("kind", "prompt_release")), fields=["prompt_version", "-number"], name="request_of_release"
            ),
        ),
    ]
