"""The unique index of the number is read backwards as well: a second one for the newest first is only written."""

from django.db import migrations


class Migration(migrations.Migration):
    """One index less."""

    dependencies = (("approvals", "0006_likeness"),)

    operations = (migrations.RemoveIndex(model_name="approvalrequest", name="request_newest"),)
