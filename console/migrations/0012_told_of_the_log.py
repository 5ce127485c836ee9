"""People can be told of an audit log that needs somebody; who chose before they could is told too, by their channels."""

from django.conf import settings
from django.db import migrations, models

OCCASIONS = ["requested", "escalated", "assigned", "ended", "budget", "breaker", "canary", "audit"]


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0011_saved_searches'),
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
            constraint=models.CheckConstraint(condition=models.Q(('occasion__in', (*OCCASIONS, 'glass'))), name='notice_occasion_known'),
        ),
        migrations.AddConstraint(
            model_name='preference',
            constraint=models.CheckConstraint(condition=models.Q(('occasions__contained_by', OCCASIONS)), name='occasions_known'),
        ),
        migrations.RunSQL(
            "UPDATE console_preference SET occasions = array_append(occasions, 'audit') WHERE NOT 'audit' = ANY(occasions)",
            "UPDATE console_preference SET occasions = array_remove(occasions, 'audit')",
        ),
    ]
