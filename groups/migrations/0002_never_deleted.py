from django.db import migrations

FORBID = """
CREATE FUNCTION dialer_group_is_never_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Groups are never deleted, only disabled.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER dialer_group_is_never_deleted BEFORE DELETE ON groups_dialergroup
    FOR EACH ROW EXECUTE FUNCTION dialer_group_is_never_deleted();
"""
ALLOW = """
DROP TRIGGER dialer_group_is_never_deleted ON groups_dialergroup;
DROP FUNCTION dialer_group_is_never_deleted();
"""


class Migration(migrations.Migration):
    """Groups are never deleted by any door (G 6.3), a database client's included."""

    dependencies = [("groups", "0001_initial")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
