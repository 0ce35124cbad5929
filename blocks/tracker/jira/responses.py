"""What Jira answers, as models of the members that are read; anything else in an answer is ignored.

Add a member here before you read it. Members that an older or newer Jira may leave out have a default, and times
stay text, so that one odd value does not take a whole page of answers with it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Response(BaseModel):
    """Base of all answers: Jira's camelCase names, ids as text, no values in validation errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
        frozen=True,
        hide_input_in_errors=True,
    )


class ServerInfo(Response):
    """What a Jira says of itself. deployment_type: `Cloud`, `Server` or `Data Center`; base_url: for browsers."""

    deployment_type: str | None = None
    base_url: str = ""


class User(Response):
    """An account. Cloud names it by account_id, Data Center by name and key."""

    account_id: str | None = None
    name: str | None = None
    key: str | None = None
    display_name: str | None = None
    email_address: str | None = None


class Named(Response):
    """Anything that people know by a name: a priority, an option of a list, a version."""

    display_name: str | None = None
    value: str | None = None
    name: str | None = None
    child: Named | None = None
    account_id: str | None = None
    key: str | None = None

    @property
    def label(self) -> str | None:
        """The name that people see; of a cascading option the second, more exact one."""
        own = self.display_name or self.value or self.name
        return (self.child.label if self.child else None) or own


class StatusCategory(Response):
    """One of Jira's three kinds of status: new, indeterminate, done."""

    key: str | None = None


class Status(Response):
    """A status of a workflow."""

    name: str
    status_category: StatusCategory | None = None

    @property
    def category(self) -> str | None:
        """The category's key."""
        return self.status_category.key if self.status_category else None


class Transition(Response):
    """A step of a workflow that the account may take now."""

    id: str
    name: str
    to: Status


class EntityProperty(Response):
    """A property that an app keeps on a comment."""

    key: str
    value: object = None


class IssueComment(Response):
    """A comment. body: wiki text, or an ADF document. properties come only where they are asked for."""

    id: str
    author: User | None = None
    body: object = None
    created: str = ""
    updated: str = ""
    properties: list[EntityProperty] | None = None
    visibility: object = None
    jsd_public: bool | None = None

    @property
    def is_restricted(self) -> bool:
        """True if not everybody who sees the issue may read it: it is for a role or group, or an internal note."""
        notes = (each.value for each in self.properties or () if each.key == "sd.public.comment")
        internal = any(isinstance(note, dict) and note.get("internal") for note in notes)
        return bool(self.visibility) or self.jsd_public is False or internal


class CommentPage(Response):
    """A page of an issue's comments."""

    comments: list[IssueComment] = []
    total: int = 0


class CommentList(Response):
    """Comments that were asked for by id."""

    values: list[IssueComment]


class Attachment(Response):
    """A file on an issue."""

    id: str
    filename: str = ""
    author: User | None = None


class IssueRef(Response):
    """An issue that another one is linked to."""

    key: str


class IssueLink(Response):
    """A link between two issues, seen from one of them."""

    inward_issue: IssueRef | None = None
    outward_issue: IssueRef | None = None


class IssueFields(Response):
    """The system fields of an issue that are read; all of them come only if they were asked for.

    security: the security level, for an issue that some of those who see the project may not see.
    """

    summary: str | None = None
    status: Status | None = None
    description: object = None
    priority: Named | None = None
    reporter: Named | None = None
    assignee: Named | None = None
    labels: list[str] | None = None
    updated: str | None = None
    created: str | None = None
    security: object = None
    comment: CommentPage | None = None
    attachment: list[Attachment] | None = None
    issuelinks: list[IssueLink] | None = None


class IssueStatus(Response):
    """What moving an issue looks at."""

    status: Status
    labels: list[str] | None = None


class StatusChange(Response):
    """One field that a change of an issue set. to_string: its new value as people read it."""

    field: str = ""
    to_string: str | None = None


class History(Response):
    """A change of an issue: who made it, when, and of which fields."""

    created: str = ""
    author: User | None = None
    items: list[StatusChange] = []


class Changelog(Response):
    """The newest changes of an issue, or all of them."""

    histories: list[History] = []


class Issue(Response):
    """An issue. fields: by id, as they came, since which of them there are is each Jira's own."""

    key: str
    fields: dict[str, object] = {}
    properties: dict[str, object] | None = None
    transitions: list[Transition] | None = None
    changelog: Changelog | None = None

    def read_fields(self) -> IssueFields:
        """The system fields. Raises ValueError if one has another shape than documented."""
        return IssueFields.model_validate(self.fields)


class SearchPage(Response):
    """A page of a search: Cloud goes on with next_page_token, Data Center counts up to total."""

    issues: list[Issue]
    next_page_token: str | None = None
    is_last: bool = False
    total: int = 0


class BulkIssues(Response):
    """Issues that were asked for by key, and those that could not be read."""

    issues: list[Issue]
    issue_errors: list[object] | None = None


class Project(Response):
    """A project. project_type_key: `software`, `business`, `service_desk`."""

    id: str
    project_type_key: str | None = None


class FieldScope(Response):
    """The project that a team-managed project's own field belongs to."""

    project: Project | None = None


class FieldSchema(Response):
    """What a field holds, as in date, array, string."""

    type: str | None = None


class JiraField(Response):
    """A field as this Jira describes it."""

    id: str
    name: str
    custom: bool = False
    scope: FieldScope | None = None
    value_schema: FieldSchema | None = Field(None, alias="schema")

    @property
    def type(self) -> str | None:
        """What it holds."""
        return self.value_schema.type if self.value_schema else None


class IssueType(Response):
    """An issue type of a project, with the statuses of its workflow."""

    name: str
    statuses: list[Status] = []


class LinkType(Response):
    """A kind of link between issues."""

    name: str


class LinkTypes(Response):
    """All kinds of link."""

    issue_link_types: list[LinkType]


class Created(Response):
    """What was just made."""

    key: str


class AnswerMark(Response):
    """The value of the property on our comments: what the comment is about, and which text it holds."""

    topic: str = ""
    fingerprint: str = ""


def read_time(text: str | None) -> datetime:
    """A time of Jira's in UTC. Raises ValueError if it is none."""
    return datetime.fromisoformat(text or "").astimezone(UTC)
