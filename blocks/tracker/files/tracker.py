"""Tickets as YAML files in a folder that people edit: the tracker of the embedded run, and the reference.

`<folder>/AN-7.yaml` is a ticket, `<folder>/attachments/AN-7/` holds its files. What can't be read stays
untouched: it comes out as a Ticket whose only field is `unreadable`, and its comment goes to `AN-7.note.md`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import Field

from blocks.errors import BadInput, Busy, Misconfigured, NotFound
from blocks.records import Ticket
from blocks.tracker.base import FILE_NAME, Tracker, has_news
from blocks.tracker.files.comments import quote_inline, write_comment, write_incident
from blocks.tracker.files.storage import check_writable, lock_folder, read_file, replace_file
from blocks.tracker.files.ticket_reader import OPEN, drop_unprintable, read_ticket
from blocks.tracker.files.yaml_editor import set_list_item, set_value
from blocks.tracker.files.yaml_events import UnreadableError

_KEY = re.compile(r"[A-Z][A-Z0-9]{1,19}-[1-9][0-9]{0,8}")
_NUMBERED = re.compile(r"[^\W\d_]\w*?[-_ ]?[0-9]+")
_PERSON = re.compile(r"[^\W\d_][\w.@'-]*(?: [\w.@'(&-]+\)?){0,9}")
_TRIES = 5
_log = logging.getLogger(__name__)


def find_project(folder: Path) -> str | None:
    """The project of the first ticket in a folder, as in AN-7's AN; None where no file is named like a ticket."""
    keys = sorted(path.stem for path in folder.glob("*.yaml") if _KEY.fullmatch(path.stem))
    return keys[0].partition("-")[0] if keys else None


class FilesTracker(Tracker):
    """A folder of ticket files. Our comments carry `author: analytics-bot` and their topic."""

    _block_type_name = "Files Tracker"
    _block_type_slug = "files-tracker"

    folder: Path = Field(description="the folder with one YAML file a ticket")

    def check(self) -> str:
        """Look into the folder; return a one-line status."""
        keys = self._list_keys()
        self.check_answers()
        return f"{len(keys)} tickets of {self.project} in {self.folder}"

    def check_answers(self) -> None:
        """Write and remove a file in the folder, as each answer does; rights alone don't show a read-only disk."""
        self._list_keys()
        check_writable(self.folder)

    def list_open_tickets(self) -> list[Ticket]:
        """Tickets that wait for work; unreadable ones among them, so that somebody hears of it."""
        for name in self.list_misnamed():
            _log.warning("file %r in the ticket folder is not named like a ticket", name)
        return [ticket for ticket in self._open() if "incident" not in ticket.fields]

    def list_misnamed(self) -> list[str]:
        """YAML files whose names are no keys of any project, but end in a number as keys do."""
        paths = [path for ending in ("yaml", "yml") for path in self.folder.glob(f"*.{ending}")]
        keys = {path for path in paths if path.suffix == ".yaml" and _KEY.fullmatch(path.stem)}
        return sorted(path.name for path in paths if path not in keys and _NUMBERED.fullmatch(path.stem))

    def list_commented_tickets(self) -> list[Ticket]:
        """Those of all files, without incidents."""
        found = [self._read_ticket(key) for key in self._list_keys()]
        return [each for each in found if has_news(each) and "incident" not in each.fields]

    def read_tickets(self, keys: Sequence[str]) -> list[Ticket]:
        """These tickets, in the order asked for."""
        return [self._read_ticket(key) for key in dict.fromkeys(keys)]

    def comment(self, key: str, topic: str, body: str) -> None:
        """Write or update our comment on a topic in the ticket's `comments:`, or else in its note."""
        path, body = self._find_path(key), drop_unprintable(body)
        note = path.with_name(f"{key}.note.md")
        edited = self._edit(key, lambda text: write_comment(text, topic, body))
        with lock_folder(self.folder):
            if edited:
                note.unlink(missing_ok=True)
            else:
                replace_file(note, f"{body}\n".encode())

    def attach(self, key: str, path: Path) -> None:
        """Copy a file into the ticket's attachments, unless the same content is there."""
        self._find_path(key)
        if not FILE_NAME.fullmatch(path.name):
            raise BadInput(f"attach a file to {key}", "its name is not like sales-2026.png")
        target = self.folder / "attachments" / key / path.name
        with lock_folder(self.folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent.resolve() != self.folder.resolve() / "attachments" / key:
                raise BadInput(f"attach a file to {key}", "its attachments lead out of the folder")
            replace_file(target, path.read_bytes())

    def link(self, key: str, url: str, title: str) -> None:
        """Write or update one entry of the ticket's `links:`."""
        url, title = drop_unprintable(url), drop_unprintable(title)
        self._edit(key, lambda text: set_list_item(text, "links", {"url": url}, {"url": url, "title": title}))

    def move(self, key: str, status: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Set the ticket's `status:` line, and `release:` and `freshness:` as facts say."""
        if status is not None and not re.fullmatch("[a-z_]{1,40}", status):
            raise BadInput(f"move {key}", "a status is a word of small letters")
        for name, value in {**(facts or {}), **({"status": status} if status else {})}.items():
            self._edit(key, partial(set_value, name=name, value=quote_inline(value)))

    def assign(self, key: str, person: str) -> bool:
        """Set the ticket's `assignee:` line; in files anybody with a plain name can be one."""
        self._find_path(key)
        name = " ".join(person.split())
        plain = _PERSON.fullmatch(name)
        return bool(plain) and self._edit(key, lambda text: set_value(text, name="assignee", value=name))

    def find_account(self, key: str, person: str) -> str:
        """The name itself, as comments in a file have it: who may write the file may write any."""
        return " ".join(person.split()).casefold()

    def list_incidents(self) -> dict[str, str]:
        """Open tickets with an `incident:` line."""
        return {str(each.fields["incident"]): each.key for each in self._open() if "incident" in each.fields}

    def open_incident(self, about: str, title: str, body: str, requests: Sequence[str]) -> str:
        """Write a ticket of the next number, and link the requests to it."""
        known = [key for key in requests if self._is_key(key) and (self.folder / f"{key}.yaml").is_file()]
        with lock_folder(self.folder):
            key = self.list_incidents().get(about)
            if key is None:
                last = max((int(each.rpartition("-")[2]) for each in self._list_keys()), default=0)
                key = f"{self.project}-{last + 1}"
                text = write_incident(key, about, title, body, known)
                replace_file(self.folder / f"{key}.yaml", text.encode())
        for request in known:
            self.link(request, self.make_url(key), f"Incident {key}: {title}")
        return key

    def make_url(self, key: str) -> str:
        """The ticket's file."""
        return self._find_path(key).resolve().as_uri()

    def _open(self) -> list[Ticket]:
        return [found for key in self._list_keys() if (found := self._read_ticket(key)).status in OPEN]

    def _list_keys(self) -> list[str]:
        if not self.folder.is_dir():
            raise Misconfigured(f"open the tickets in {self.folder}", "there is no such folder")
        keys = [path.stem for path in self.folder.glob("*.yaml") if self._is_key(path.stem)]
        return sorted(keys, key=lambda key: int(key.rpartition("-")[2]))

    def _is_key(self, text: str) -> bool:
        return bool(_KEY.fullmatch(text)) and text.startswith(f"{self.project}-")

    def _find_path(self, key: str) -> Path:
        """The ticket's file; a key is checked before it becomes a path."""
        if not self._is_key(key):
            raise NotFound("look up a ticket", f"its key is not like {self.project}-7")
        path = self.folder / f"{key}.yaml"
        if not os.path.lexists(path):
            raise NotFound(f"look up ticket {key}", "it has no file", f"Tickets are files in {self.folder}.")
        return path

    def _read_ticket(self, key: str) -> Ticket:
        path = self._find_path(key)
        try:
            text, seconds = read_file(path), path.stat().st_mtime
            return read_ticket(key, text, datetime.fromtimestamp(seconds, UTC))
        except (UnreadableError, OSError) as reason:
            _log.warning("ticket file %s can't be read; it is left out", path.name)
            return Ticket(key=key, title="", status="open", fields={"unreadable": str(reason)})

    def _edit(self, key: str, change: Callable[[str], str]) -> bool:
        """Change a ticket's text; a person's edit made meanwhile is taken up. False: it can't be edited."""
        path = self._find_path(key)
        with lock_folder(self.folder):
            for _ in range(_TRIES):
                try:
                    before = read_file(path)
                    after = change(before)
                except UnreadableError:
                    _log.warning("ticket file %s can't be edited; it stays as it is", path.name)
                    return False
                if replace_file(path, after.encode(), before.encode()):
                    return True
        raise Busy(f"edit ticket {key}", "somebody else keeps changing its file", "Try again later.")
