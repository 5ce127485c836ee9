"""Summaries of earlier steps are messages that name what they stand for; of one part there is one."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    """Two columns that stay NULL in every other message, and what keeps a part from being summarised twice."""

    dependencies: ClassVar = [("agents", "0012_budgets")]

    operations: ClassVar = [
        migrations.AddField(model_name="message", name="covers_from", field=models.IntegerField(null=True)),
        migrations.AddField(model_name="message", name="covers_to", field=models.IntegerField(null=True)),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                fields=["session", "covers_to"], condition=Q(covers_to__isnull=False), name="summarised_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=Q(covers_from__isnull=True, covers_to__isnull=True) | Q(covers_to__gte=F("covers_from")),
                name="summary_covers_a_part",
            ),
        ),
    ]
