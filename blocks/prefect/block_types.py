"""Every block type there is, by slug, and where its class lives; loading a saved one by `type-slug/name`.

Classes are imported when asked for: a vendor's module may need that vendor's extra.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from prefect.blocks.core import Block
from prefect.runtime import flow_run
from pydantic import ValidationError

from blocks.errors import Misconfigured, NotFound

TYPES = {
    "files-tracker": "blocks.tracker.files.tracker:FilesTracker",
    "jira-tracker": "blocks.tracker.jira.tracker:JiraTracker",
    "dlt-loader": "blocks.loader.dlt.loader:DltLoader",
    "fivetran-loader": "blocks.loader.fivetran.loader:FivetranLoader",
    "stitch-loader": "blocks.loader.stitch.loader:StitchLoader",
    "duckdb-warehouse": "blocks.warehouse.duckdb.warehouse:DuckDBWarehouse",
    "snowflake-warehouse": "blocks.warehouse.snowflake.warehouse:SnowflakeWarehouse",
    "postgres-warehouse": "blocks.warehouse.postgres.warehouse:PostgresWarehouse",
    "dremio-warehouse": "blocks.warehouse.dremio.warehouse:DremioWarehouse",
    "folder-site": "blocks.site.html.site:FolderSite",
    "tableau-site": "blocks.site.tableau.site:TableauSite",
    "dbt-project": "blocks.dbt.project:DbtProject",
    "folder-notifier": "blocks.notifier.files.notifier:FolderNotifier",
    "mail-notifier": "blocks.notifier.mail.notifier:MailNotifier",
    "expectation-suites": "blocks.quality.suites:Suites",
}
PREFECTS = {
    "slack-webhook": "prefect.blocks.notifications:SlackWebhook",
    "sendgrid-email": "prefect.blocks.notifications:SendgridEmail",
    "ms-teams-webhook": "prefect.blocks.notifications:MicrosoftTeamsWebhook",
    "custom-webhook": "prefect.blocks.notifications:CustomWebhookNotificationBlock",
    "secret": "prefect.blocks.system:Secret",
}
"""Types of Prefect's own that automations send through."""


def find_block_class(slug: str) -> type[Block]:
    """The class of a block type. Raises Misconfigured for an unknown type or one whose extra is missing."""
    known = TYPES | PREFECTS
    if slug not in known:
        raise Misconfigured(f"use block type {slug}", "there is no such type", f"Known: {', '.join(known)}.")
    module, _, name = known[slug].partition(":")
    try:
        found: type[Block] = getattr(import_module(module), name)
    except ImportError as error:
        raise Misconfigured(
            f"use block type {slug}", f"package {error.name} is not installed", "Install the vendor's extra."
        ) from None
    return found


def import_types() -> None:
    """In a deployment's run, import every class there is, so that Prefect knows those its parameters name.

    Nowhere else, because vendors' packages take seconds. One whose extra is missing is left out; naming it is
    then an error of its own.
    """
    if flow_run.id is None:
        return
    for slug in TYPES:
        with suppress(Misconfigured):
            find_block_class(slug)


def load_block(slug: str) -> Block:
    """A saved block by `type-slug/name`. Raises Misconfigured, or NotFound if none of that name is saved."""
    kind, separator, name = slug.partition("/")
    if not separator or not name:
        raise Misconfigured(f"load block {slug}", "it is not TYPE/NAME", "As in duckdb-warehouse/prod.")
    cls = find_block_class(kind)
    try:
        loaded = cls.load(name)
    except ValidationError as error:  # its own text would show the values
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors())
        raise Misconfigured(f"load block {slug}", wrong, "Correct these fields and save it again.") from None
    except ValueError:
        raise NotFound(f"load block {slug}", "none of that name is saved", "Save it first.") from None
    return loaded  # type: ignore[return-value]
