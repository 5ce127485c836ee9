"""The sequence of request numbers, the triggers that refuse what no constraint can say, and the first policy."""

import hashlib
from pathlib import Path

import rfc8785
from django.db import migrations

from approvals.document import DEFAULT_POLICY
from audit.grants import application_role

FILE = Path(__file__).parent / "guards_v1.sql"


def make_guards(apps, schema_editor):
    """Run the SQL file; its functions look for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute("CREATE SEQUENCE approvals_request_number START 20001")
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


def store_first_policy(apps, schema_editor):
    """Store the shipped policy as revision 1, so that what judges is always a stored document."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    apps.get_model("approvals", "PolicyRevision").objects.using(schema_editor.connection.alias).create(
        number=1,
        document=document,
        checksum=hashlib.sha256(rfc8785.dumps(document)).hexdigest(),
        note="As shipped.",
        created_by="Countersign",
        current=True,
    )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_requests")]

    operations = [
        migrations.RunPython(make_guards),
        migrations.RunPython(store_first_policy, migrations.RunPython.noop),
    ]
