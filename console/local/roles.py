"""The two roles of an installation and its database: the owner migrates, the application works and cannot rewrite history."""

import psycopg
from psycopg import sql

from console.local.paths import APP_ROLE, DATABASE, OWNER_ROLE
from console.local.postgres import Server


def provision(server: Server, database: str = DATABASE) -> None:
    """Make the roles and the database where they are missing."""
    with server.connect() as connection:
        for role in (OWNER_ROLE, APP_ROLE):
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database):
            return
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
        connection.execute(create.format(*map(sql.Identifier, (database, OWNER_ROLE))))
    _close_schema(server, database)


def _close_schema(server: Server, database: str) -> None:
    """Let the owner alone make objects; the application sees the schema and gets what migrations grant it."""
    owner, application, name = map(sql.Identifier, (OWNER_ROLE, APP_ROLE, database))
    with server.connect(database) as connection:
        for statement in (
            sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner),
            sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
            sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(application),
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name),
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, application),
        ):
            connection.execute(statement)
        grant_future_tables(connection, OWNER_ROLE, APP_ROLE)


def grant_future_tables(connection: psycopg.Connection, owner: str, application: str) -> None:
    """Let the application use the tables that the owner will make. Migrations take back what the log must not allow."""
    for rights, kind in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")):
        statement = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT {} ON {} TO {}")
        parts = (sql.Identifier(owner), sql.SQL(rights), sql.SQL(kind), sql.Identifier(application))
        connection.execute(statement.format(*parts))


def drop(server: Server, database: str) -> None:
    """Drop a database with whoever is still connected to it."""
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query, (name,)).fetchone() is not None
