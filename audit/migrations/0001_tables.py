"""The tables of the log; before them, what the application's role may do with tables that come after."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from audit.grants import application_role, grant_future


def let_the_application_use_later_tables(apps, schema_editor):
    """Grant on what migrations will make; it stands first so that nothing is made before."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        schema, role = application_role(cursor)
        if role:
            grant_future(cursor.cursor, schema=schema, role=role)


class Migration(migrations.Migration):
    initial = True

    dependencies = []
    run_before = [
        ("contenttypes", "0001_initial"),
        ("auth", "0001_initial"),
        ("sessions", "0001_initial"),
        ("django_q", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(let_the_application_use_later_tables, migrations.RunPython.noop),
        migrations.CreateModel(
            name="AuditPending",
            fields=[
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "audit_pending",
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("stream", models.TextField(db_collation="C")),
                ("seq", models.BigIntegerField()),
                ("kind", models.TextField(db_collation="C")),
                ("at", models.DateTimeField()),
                ("actor_kind", models.TextField(db_collation="C")),
                ("actor_id", models.TextField(db_collation="C")),
                ("tool", models.TextField(db_collation="C")),
                ("body", models.BinaryField()),
                ("body_json", models.JSONField()),
                ("prev_hash", models.BinaryField()),
                ("entry_hash", models.BinaryField()),
            ],
            options={
                "db_table": "audit_entry",
                "indexes": [
                    models.Index(fields=["actor_kind", "actor_id", "id"], name="audit_entry_by_actor"),
                    models.Index(fields=["kind", "id"], name="audit_entry_by_kind"),
                    models.Index(
                        condition=models.Q(("tool", ""), _negated=True),
                        fields=["tool", "id"],
                        name="audit_entry_by_tool",
                    ),
                    models.Index(fields=["at"], name="audit_entry_by_time"),
                    django.contrib.postgres.indexes.GinIndex(
                        models.Func(
                            models.F("body_json"),
                            template="jsonb_to_tsvector('simple', regexp_replace(%(expressions)s::text, '(?<![\\\\\\w])[0-9a-f-]{18,}', '', 'g')::jsonb,"
                            " '[\"string\"]')",
                        ),
                        name="audit_entry_by_text",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("stream", "seq"), name="audit_entry_place"),
                    models.UniqueConstraint(fields=("prev_hash",), name="audit_entry_predecessor"),
                    models.CheckConstraint(condition=models.Q(("seq__gte", 1)), name="audit_entry_seq_from_one"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditStream",
            fields=[
                ("name", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("head_seq", models.BigIntegerField()),
                ("head_hash", models.BinaryField()),
                ("closed", models.BooleanField()),
            ],
            options={
                "db_table": "audit_stream",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("head_seq__gte", 0)), name="audit_stream_head_is_a_number"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Log",
            fields=[
                ("single", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("id", models.UUIDField(unique=True)),
            ],
            options={
                "db_table": "audit_log",
                "constraints": [models.CheckConstraint(condition=models.Q(("single", True)), name="audit_log_is_one")],
            },
        ),
        migrations.CreateModel(
            name="Content",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.TextField(db_collation="C")),
                ("cls", models.TextField(db_collation="C")),
                ("salt", models.BinaryField()),
                ("body", models.TextField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="texts",
                        to="audit.auditentry",
                    ),
                ),
            ],
            options={
                "db_table": "audit_content",
                "constraints": [
                    models.UniqueConstraint(fields=("entry", "name"), name="audit_content_one_text_per_name")
                ],
            },
        ),
        migrations.CreateModel(
            name="LogIndex",
            fields=[
                ("log_index", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="place",
                        to="audit.auditentry",
                    ),
                ),
            ],
            options={
                "db_table": "audit_log_index",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("log_index__gte", 1)), name="audit_log_index_from_one")
                ],
            },
        ),
    ]
