"""Stage 6: extracts and dashboards, only ever from what serving shows."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.errors import NotFound, PlatformError
from blocks.notifier.base import Notifier
from blocks.query_tags import tag_queries
from blocks.records import Plan, Publication
from blocks.scratch_folder import open_scratch
from blocks.site.base import BiSite
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
    journal = read_gates(warehouse, release)
    built = find_build_times(journal, release)
    with stage_run(context, project, warehouse, plan.run if plan else release.run) as stage:
        catalogue, dbt = stage.catalogue, stage.dbt
    occasion = (
        None
        if plan
        else make_occasion(tracker, warehouse, catalogue, (), ServedValues(warehouse, catalogue), whole=True)
    )
    dashboards = [*plan.dashboards] if plan else list_dashboards(catalogue, release, occasion)
    if held := {each.dashboard.name for each in list_held(warehouse, dbt, None, dashboards)}:
        get_run_logger().info("waiting for acceptance: %s", ", ".join(sorted(held)))
        dashboards = [each for each in dashboards if each.name not in held]
    feedback = {r.key: r.feedback for r in plan.requirements} if plan else {}
    cards, publications = [], []
    live = warehouse.describe_live_source() if site.reads_live else None
    with open_scratch("published-") as folder, site.session():
        guides = publish_dictionary(site, warehouse, dbt, release)
        left = LeftAlone(site, warehouse, catalogue, release, guides, built)
        for dashboard in dashboards:
            url = find_ticket_page(tracker, dashboard.ticket)
            comments = feedback.get(dashboard.ticket or "", ())
            warehouse.check_lease(ask=True)  # a run that was overtaken would put back older pictures
            gate = find_gate(catalogue, journal, release, dashboard.marts)
            links = guides.point_at(dashboard.marts)._asdict()
            if same := left.find(dashboard, gate, url, comments):
                publications.append(same.model_copy(update=links))
                continue
            try:
                card = make_card(
                    site, warehouse, catalogue, dashboard, release, gate, folder, url, comments, live, built
                )
                cards.append(card)
                publications.append(publish_card(site, card).model_copy(update=links))
                left.remember(card, publications[-1])
            except PlatformError as error:
                publications.append(report_failure(dashboard, release, error))
        left.confirm()
        index = site.index(cards, publications)
        if plan:
            record_uses(site, warehouse, plan.dashboards, publications)
        left.finish()
        if plan and any(each.wishes.subscribers for each in plan.dashboards):
            publications = tell_subscribers(notifier, warehouse, plan.run, cards, publications)
    show_publications(release.run, publications, index)
    record_publications(
        site, warehouse, catalogue, release.run, release, dashboards, publications, dbt.remember_columns
    )
    if plan:
        record_refreshes(warehouse, plan.run, plan.dashboards, publications, plan.known)
    if unchanged := sum(publication.unchanged_since != "" for publication in publications):
        get_run_logger().info(
            "%s left as published: nothing of it has changed", count_of(unchanged, "dashboard")
        )
    failed = sum(publication.error is not None for publication in publications)
    get_run_logger().info("%s, %d failed; all at %s", count_of(len(publications), "dashboard"), failed, index)
    return publications
