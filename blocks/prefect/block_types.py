"""Every block type there is, by slug, and where its class lives; loading a saved one by `type-slug/name`.

Classes are imported when asked for: a vendor's module may need that vendor's extra.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from importlib import import_module

from prefect.blocks.core import Block
from prefect.runtime import flow_run
from pydantic import ValidationError

from blocks.errors import Misconfigured, NotFound, replace_vendor_errors

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

MOST_FAULTS = 10  # of a block's or an automation's fields, in one message


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
    missing = NotFound(f"load block {slug}", "none of that name is saved", "Save it first.")
    with (
        replace_vendor_errors(ValueError, lambda _: missing),
        refuse_fields(f"load block {slug}", "Correct these fields and save it again."),
    ):
        return cls.load(name)  # type: ignore[return-value]


def refuse_fields(asked: str, remedy: str, known: bool = False) -> AbstractContextManager[None]:
    """Raise Misconfigured for what pydantic refuses: which fields and why.

    known: there is no secret among the values, and the reason may be in words that quote them.
    """

    def translate(error: BaseException) -> Misconfigured:
        faults = error.errors() if isinstance(error, ValidationError) else []
        shown = [(each["loc"], each["msg"] if known else each["type"]) for each in faults]
        wrong = "; ".join(f"{'.'.join(map(str, place))}: {reason}" for place, reason in shown[:MOST_FAULTS])
        return Misconfigured(asked, wrong, remedy)

    return replace_vendor_errors(ValidationError, translate)
