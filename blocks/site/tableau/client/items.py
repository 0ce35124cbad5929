"""What is used of the client's items. Its own types have None for all that a site always gives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol


class ContentItem(Protocol):
    """A workbook or a data source of the site. From connected_workbooks_count on: once it was asked for."""

    id: str
    name: str
    project_id: str
    content_url: str
    webpage_url: str
    has_extracts: bool
    tags: set[str]
    owner_id: str | None
    description: str | None
    updated_at: datetime | None
    show_tabs: bool
    connected_workbooks_count: int | None
    certified: bool | None
    certification_note: str | None
    dqws: Iterable[WarningItem]
    connections: Iterable[ConnectionItem]
    views: Iterable[ViewItem]
    revisions: Iterable[RevisionItem]
    permissions: Iterable[RuleItem]


class GranteeItem(Protocol):
    """Whom a rule is for. tag_name: `group` or `user`."""

    id: str
    tag_name: str


class RuleItem(Protocol):
    """What one group or user may do with something. capabilities: name → `Allow` or `Deny`."""

    grantee: GranteeItem
    capabilities: dict[str, str]


class RevisionItem(Protocol):
    """One of the versions that the site keeps of a workbook."""

    current: bool
    user_id: str


class WarningItem(Protocol):
    """A warning about the quality of a data source."""

    warning_type: str
    message: str | None
    active: bool
    severe: bool


class ViewItem(Protocol):
    """A view of a workbook. image, csv, total_views (how often it was opened): once they were asked for."""

    id: str
    name: str
    content_url: str
    image: bytes
    csv: Iterable[bytes]
    total_views: int
    tags: set[str]


class ConnectionItem(Protocol):
    """A connection of a workbook or a data source."""

    connection_type: str
    datasource_id: str
    username: str
    password: str
    embed_password: bool


class JobItem(Protocol):
    """A job that the server works on."""

    id: str


class GroupItem(Protocol):
    """A group of the site's users. domain_name: `local`, or that of the directory it is from."""

    id: str
    name: str
    domain_name: str | None


class ProjectItem(Protocol):
    """A project of the site."""

    id: str
    name: str
    parent_id: str | None
    content_permissions: str | None


class NamedItem(Protocol):
    """What something refers to."""

    id: str


class FollowerItem(Protocol):
    """A subscription, a data-driven alert or a custom view.

    subject, target: of a subscription; subject, workbook_id, view_id: of an alert; name, workbook: of a custom view.
    """

    id: str
    subject: str | None
    target: NamedItem | None
    workbook_id: str | None
    view_id: str | None
    name: str | None
    workbook: NamedItem | None
