"""What an administrator runs once: an owner's role, the readers' role, two schemas. Every statement can be repeated."""

from __future__ import annotations

from blocks.warehouse.postgres.settings import PostgresSettings


class PostgresGrants(PostgresSettings):
    """The settings, as an administrator makes them work."""

    def write_setup(self) -> list[str]:
        """The statements. Readers get serving and nothing behind it: a view reads with its owner's rights."""
        owner, readers = self.quote(self.role or self.user), self.quote(self.readers)
        serving, database = self.quote(self.serving), self.quote(self.database)
        lines = [
            f"do $$ begin if not exists (select from pg_roles where rolname = {self.literal(name)})"
            f" then create role {self.quote(name)}; end if; end $$;"
            for name in (self.role, self.readers)
            if name
        ]
        lines += [f"grant {owner} to {self.quote(self.user)};"] if self.role else []
        lines += [f"grant connect, create, temporary on database {database} to {owner};"]
        for schema in (self.control, self.serving):
            lines += [f"create schema if not exists {self.quote(schema)} authorization {owner};"]
        for right in ("usage on schema", "select on all tables in schema") if self.readers else ():
            lines += [f"grant {right} {serving} to {readers};"]
        future = f"alter default privileges for role {owner} in schema {serving} grant select on tables to {readers};"
        return (
            [*lines, f"grant connect on database {database} to {readers};", future] if self.readers else lines
        )
