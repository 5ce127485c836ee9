"""What keeps a session back stands on its row; a provider can be limited, and a question that waits knows its own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0019_prompts'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='limit',
            name='limit_fits_its_scope',
        ),
        migrations.AddField(
            model_name='ratewait',
            name='provider',
            field=models.TextField(db_default='', default=''),
        ),
        migrations.AddField(
            model_name='session',
            name='waits_for',
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='waits_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status', 'queued'), ('waits_for__isnull', False)), fields=['waits_for', '-number'], name='session_waits'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('at_once__isnull', True), ('scope__startswith', 'model:')), models.Q(('at_once__isnull', True), ('scope__startswith', 'provider:')), models.Q(('scope__startswith', 'tool:'), ('tokens__isnull', True)), models.Q(('requests__isnull', True), ('scope__startswith', 'queue:'), ('tokens__isnull', True)), _connector='OR'), name='limit_fits_its_scope'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('waits_for__isnull', True), ('waits_since__isnull', True)), models.Q(('waits_for__in', ['money', 'rate', 'model', 'tool']), ('waits_since__isnull', False)), _connector='OR'), name='wait_known'),
        ),
    ]
