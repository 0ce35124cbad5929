"""Stage 6: extracts and dashboards, only ever from what serving shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow, get_run_logger

from blocks.catalogue import Catalogue
from blocks.dbt.project import DbtProject
from blocks.errors import NotFound, PlatformError
from blocks.notifier.base import Notifier
from blocks.query_tags import tag_queries
from blocks.records import Comment, Dashboard, Plan, Publication, Release
from blocks.scratch_folder import open_scratch
from blocks.site.base import BiSite, Card, Guides
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.run_context import RunContext, stage_run
from flows.run_names import name_stage
from tasks.approval import list_held
from tasks.dictionary import publish_dictionary
from tasks.disuse import record_uses
from tasks.left_alone import LeftAlone
from tasks.lineage import record_publications
from tasks.markdown import count_of
from tasks.notices import tell_subscribers
from tasks.occasion import make_occasion
from tasks.planning import list_dashboards
from tasks.proposals import ServedValues
from tasks.publication import find_ticket_page, make_card, publish_card, report_failure
from tasks.reports import show_publications
from tasks.shown_checks import find_build_times, find_gate, read_gates
from tasks.standing import record_refreshes


@flow(name="publish", flow_run_name=name_stage)
def publish(
    site: BiSite,
    warehouse: Warehouse,
    project: DbtProject,
    tracker: Tracker,
    plan: Plan | None = None,
    context: RunContext | None = None,
    notifier: Notifier | None = None,
) -> list[Publication]:
    """Publish the plan's dashboards (alone: every exposure's) from the served release.

    Each shows the checks of its own marts, from the runs that built them.

    Args:
        site: where dashboards go.
        warehouse: whose served release they show.
        project: the dbt project.
        tracker: where the tickets are that they link to.
        plan: whose dashboards are published; none: every exposure's.
        context: what the parent flow has opened; none: it is opened here.
        notifier: tells the subscribers of the plan's dashboards; none: nobody is told.
    """
    release = warehouse.read_served()
    if release is None:
        raise NotFound("publish", "nothing is served yet", "Promote a release first.")
    tag_queries("publish", release.run, plan.tickets if plan else ())
    with stage_run(context, project, warehouse, plan.run if plan else release.run) as stage:
        catalogue, dbt = stage.catalogue, stage.dbt
    dashboards = _choose_dashboards(warehouse, tracker, stage, release, plan)
    feedback = {r.key: r.feedback for r in plan.requirements} if plan else {}
    with open_scratch("published-") as folder, site.session():
        guides = publish_dictionary(site, warehouse, dbt, release)
        publisher = _Publisher(site, warehouse, tracker, catalogue, release, guides, folder)
        publications = [publisher.publish(each, feedback.get(each.ticket or "", ())) for each in dashboards]
        publisher.left.confirm()
        index = site.index(publisher.cards, publications)
        if plan:
            record_uses(site, warehouse, plan.dashboards, publications)
        publisher.left.finish()
        if plan and any(each.wishes.subscribers for each in plan.dashboards):
            publications = tell_subscribers(notifier, warehouse, plan.run, publisher.cards, publications)
    show_publications(release.run, publications, index)
    record_publications(
        site, warehouse, catalogue, release.run, release, dashboards, publications, dbt.remember_columns
    )
    if plan:
        record_refreshes(warehouse, plan.run, plan.dashboards, publications, plan.known)
    _log_publications(publications, index)
    return publications


def _choose_dashboards(
    warehouse: Warehouse, tracker: Tracker, stage: RunContext, release: Release, plan: Plan | None
) -> list[Dashboard]:
    """The plan's dashboards, or every exposure's, without those that wait for acceptance."""
    if plan:
        dashboards = [*plan.dashboards]
    else:
        values = ServedValues(warehouse, stage.catalogue)
        occasion = make_occasion(tracker, warehouse, stage.catalogue, (), values, whole=True)
        dashboards = list_dashboards(stage.catalogue, release, occasion)
    if held := {each.dashboard.name for each in list_held(warehouse, stage.dbt, None, dashboards)}:
        get_run_logger().info("waiting for acceptance: %s", ", ".join(sorted(held)))
    return [each for each in dashboards if each.name not in held]


class _Publisher:
    """Publishes dashboards of a release, within a session of the site. folder: for their extracts.

    cards: of those that were not left alone.
    """

    def __init__(
        self,
        site: BiSite,
        warehouse: Warehouse,
        tracker: Tracker,
        catalogue: Catalogue,
        release: Release,
        guides: Guides,
        folder: Path,
    ) -> None:
        self._site, self._warehouse, self._tracker = site, warehouse, tracker
        self._catalogue, self._release, self._guides, self._folder = catalogue, release, guides, folder
        self._journal = read_gates(warehouse, release)
        self._built = find_build_times(self._journal, release)
        self._live = warehouse.describe_live_source() if site.reads_live else None
        self.left = LeftAlone(site, warehouse, catalogue, release, guides, self._built)
        self.cards: list[Card] = []

    def publish(self, dashboard: Dashboard, comments: Sequence[Comment]) -> Publication:
        """Publish one, or leave it alone where nothing of it has changed; a failure is told, and stops no other."""
        url = find_ticket_page(self._tracker, dashboard.ticket)
        self._warehouse.check_lease(ask=True)  # a run that was overtaken would put back older pictures
        gate = find_gate(self._catalogue, self._journal, self._release, dashboard.marts)
        links = self._guides.point_at(dashboard.marts)._asdict()
        if same := self.left.find(dashboard, gate, url, comments):
            return same.model_copy(update=links)
        try:
            card = make_card(
                self._site,
                self._warehouse,
                self._catalogue,
                dashboard,
                self._release,
                gate,
                self._folder,
                url,
                comments,
                self._live,
                self._built,
            )
            self.cards.append(card)
            publication = publish_card(self._site, card).model_copy(update=links)
            self.left.remember(card, publication)
        except PlatformError as error:
            return report_failure(dashboard, self._release, error)
        return publication


def _log_publications(publications: Sequence[Publication], index: str) -> None:
    log = get_run_logger()
    if unchanged := sum(publication.unchanged_since != "" for publication in publications):
        log.info("%s left as published: nothing of it has changed", count_of(unchanged, "dashboard"))
    failed = sum(publication.error is not None for publication in publications)
    log.info("%s, %d failed; all at %s", count_of(len(publications), "dashboard"), failed, index)
