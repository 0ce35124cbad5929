"""What is called of the client: a signed-in `tableauserverclient.Server`, and an endpoint of it for each kind of thing.

Its own types say neither what an item has once it was asked for, nor which endpoints do the same. A call that is added
to the code is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from blocks.site.tableau.client.items import ConnectionItem, ContentItem, JobItem, ProjectItem


class Views(Protocol):
    """Views of workbooks."""

    def populate_image(self, view: object, options: object, /) -> None:
        """Have a view's picture made."""

    def populate_csv(self, view: object, options: object, /) -> None:
        """Read the data that a view shows."""


class Workbooks(Protocol):
    """Workbooks."""

    def publish(
        self, item: object, file: str, mode: str, /, *, as_job: bool, skip_connection_check: bool
    ) -> JobItem:
        """Send a file. mode: `Overwrite` or `CreateNew`."""

    def update(self, item: ContentItem, /) -> object:
        """Write the item's fields."""

    def update_connection(self, item: ContentItem, connection: ConnectionItem, /) -> object:
        """Write a connection's login."""

    def download(self, workbook: str, /, *, filepath: str, include_extract: bool) -> object:
        """Write its file into a folder; return the file's path."""

    def populate_views(self, item: ContentItem, /, *, usage: bool) -> None:
        """List its views."""

    def populate_revisions(self, item: ContentItem, /) -> None:
        """List the versions that the site keeps."""

    def add_tags(self, item: ContentItem, tags: Sequence[str], /) -> object:
        """Add tags to those that it has."""

    def delete_tags(self, item: ContentItem, tags: Sequence[str], /) -> object:
        """Remove these tags."""


class Datasources(Protocol):
    """Published data sources."""

    def get_by_id(self, datasource: str, /) -> ContentItem:
        """One by its id."""

    def publish(
        self, item: object, file: str, mode: str, /, *, connection_credentials: object, as_job: bool
    ) -> JobItem:
        """Send a file. mode: `Overwrite` or `CreateNew`."""

    def update_hyper_data(
        self, item: ContentItem, /, *, request_id: str, actions: Sequence[dict[str, object]], payload: str
    ) -> JobItem:
        """Change the rows of an extract by those of a .hyper file."""

    def populate_dqw(self, item: ContentItem, /) -> None:
        """List its warnings of quality."""

    def add_dqw(self, item: ContentItem, warning: object, /) -> object:
        """Add a warning of quality."""

    def add_tags(self, item: ContentItem, tags: Sequence[str], /) -> object:
        """Add tags to those that it has."""

    def delete_tags(self, item: ContentItem, tags: Sequence[str], /) -> object:
        """Remove these tags."""


class Projects(Protocol):
    """Projects."""

    def create(self, item: object, /) -> ProjectItem:
        """Make a project."""


class Jobs(Protocol):
    """What the server works on."""

    def wait_for_job(self, job: str, /, *, timeout: float) -> object:
        """Wait until a job is done; timeout in seconds."""

    def cancel(self, job: str, /) -> object:
        """Stop a job."""


class UploadPart(Protocol):
    """The answer to a part of a file. file_size: megabytes that have arrived by then."""

    file_size: int


class FileUploads(Protocol):
    """Large files on their way. upload: sends one, and returns the upload's id."""

    upload: Callable[[str], str]

    def initiate(self) -> object:
        """Begin an upload; return its id."""

    def append(self, upload: str, request: object, kind: object, /) -> UploadPart:
        """Send a part."""


class Authentication(Protocol):
    """Sessions."""

    def sign_in(self, credentials: object, /) -> object:
        """Begin one."""

    def sign_out(self) -> object:
        """End it."""


class Server(Protocol):
    """A client that is signed in. user_id: whose session it is.

    Endpoints that do the same for several kinds of content are taken by their names: `getattr(server, kind)`.
    """

    user_id: str
    workbooks: Workbooks
    datasources: Datasources
    views: Views
    projects: Projects
    jobs: Jobs
    fileuploads: FileUploads
    auth: Authentication

    def close(self) -> None:
        """Close its connections."""
