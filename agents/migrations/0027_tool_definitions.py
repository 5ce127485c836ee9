"""What tools declared of themselves, one immutable row for each definition."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models

from audit.grants import application_role

GUARD = """
-- A definition that people approved calls of stays as it was.
CREATE FUNCTION "%(schema)s".agents_definition_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a tool definition is immutable; a change is another row' USING ERRCODE = '23001';
END $$;
CREATE TRIGGER definition_is_immutable BEFORE UPDATE OR DELETE ON "%(schema)s".agents_tooldefinition
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_definition_is_immutable();
"""


def guard(apps, schema_editor):
    """Let the database refuse changes."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(GUARD.replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0026_webhooks_of_starters'),
    ]

    operations = [
        migrations.CreateModel(
            name='ToolDefinition',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('definition', models.TextField()),
                ('document', models.JSONField()),
                ('changed', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(fields=['name', '-id'], name='tool_definition_newest')],
                'constraints': [
                    models.CheckConstraint(
                        condition=models.Q(('definition__regex', '^[0-9a-f]{64}$')), name='tool_definition_is_sha256'
                    )
                ],
            },
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
