"""People can be told of breakers; who chose before they could is told too, by the channels that they have."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0008_told_of_budgets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='notice',
            name='notice_occasion_known',
        ),
        migrations.RemoveConstraint(
            model_name='preference',
            name='occasions_known',
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.CheckConstraint(condition=models.Q(('occasion__in', ('requested', 'escalated', 'assigned', 'ended', 'budget', 'breaker', 'glass'))), name='notice_occasion_known'),
        ),
        migrations.AddConstraint(
            model_name='preference',
            constraint=models.CheckConstraint(condition=models.Q(('occasions__contained_by', ['requested', 'escalated', 'assigned', 'ended', 'budget', 'breaker'])), name='occasions_known'),
        ),
        migrations.RunSQL(
            "UPDATE console_preference SET occasions = array_append(occasions, 'breaker') WHERE NOT 'breaker' = ANY(occasions)",
            "UPDATE console_preference SET occasions = array_remove(occasions, 'breaker')",
        ),
    ]
